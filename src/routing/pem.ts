import { X509Certificate } from 'node:crypto';

/** The certificates of a PEM text, each that can be read, without what people write between them. */
export function certificatesIn(text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [`${new X509Certificate(block).toString().trim()}\n`];
    } catch {
      return [];
    }
  });
}
