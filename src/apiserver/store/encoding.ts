import type { StoredObject } from './object.ts';

const encoded = new WeakMap<StoredObject, Buffer<ArrayBuffer>>();

/**
 * The JSON bytes of an object, made once: the database, every watcher and every list share them. Only for objects that never
 * change, as those of the store and their conversions.
 */
export function jsonOf(object: StoredObject): Buffer<ArrayBuffer> {
  const known = encoded.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify(object);
  // Not from the pool, where one small object that stays would keep a whole block of others alive.
  const bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  encoded.set(object, bytes);
  return bytes;
}

/** An object of the database, which this store wrote after it had passed validation. */
export function parseStored(bytes: Buffer<ArrayBuffer>): StoredObject {
  const object = JSON.parse(bytes.toString()) as StoredObject;
  encoded.set(object, bytes);
  return object;
}
