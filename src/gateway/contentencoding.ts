/** Bodies that clients have compressed (RFC 9110 8.4). */
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';

type Decoder = (
  bytes: Buffer,
  options: { maxOutputLength: number },
  done: (error: NodeJS.ErrnoException | null, decoded: Buffer) => void,
) => void;

const decoders = {
  gzip: gunzip,
  'x-gzip': gunzip,
  deflate: inflate,
  br: brotliDecompress,
  zstd: zstdDecompress,
} satisfies Record<string, Decoder>;

export type ContentEncoding = keyof typeof decoders;

/** The encoding that a header names; undefined: none. A string in `unknown`: one that nobody here can decode. */
export function encodingIn(header: string | undefined): ContentEncoding | { readonly unknown: string } | undefined {
  const name = header?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'identity') return undefined;
  return isKnown(name) ? name : { unknown: name };
}

function isKnown(name: string): name is ContentEncoding {
  return Object.hasOwn(decoders, name);
}

/** Decodes at most so many bytes; in words why not. */
export function decode(
  encoding: ContentEncoding,
  bytes: Buffer,
  maxBytes: number,
  done: (decoded: Buffer | 'encoding' | 'too large') => void,
): void {
  const decoder: Decoder = decoders[encoding];
  decoder(bytes, { maxOutputLength: maxBytes }, (error, decoded) => {
    if (error === null) done(decoded);
    else done(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'encoding');
  });
}
