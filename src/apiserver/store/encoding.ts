import type { StoredObject } from './object.ts';

const encoded = new WeakMap<StoredObject, Buffer<ArrayBuffer>>();
const decoded = new WeakMap<Buffer<ArrayBuffer>, WeakRef<StoredObject>>();

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
  remember(object, bytes);
  return bytes;
}

/** An object of the database, which this store wrote after it had passed validation. */
export function parseStored(bytes: Buffer<ArrayBuffer>): StoredObject {
  const object = JSON.parse(bytes.toString()) as StoredObject;
  remember(object, bytes);
  return object;
}

/** The object of bytes that `jsonOf` or `parseStored` saw: the one in memory, parsed again if nobody holds it any more. */
export function objectOf(bytes: Buffer<ArrayBuffer>): StoredObject {
  return decoded.get(bytes)?.deref() ?? parseStored(bytes);
}

function remember(object: StoredObject, bytes: Buffer<ArrayBuffer>): void {
  encoded.set(object, bytes);
  decoded.set(bytes, new WeakRef(object));
}
