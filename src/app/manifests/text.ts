import { readFile, stat } from 'node:fs/promises';
import { ManifestError } from './yaml.ts';

/** The texts that manifests are in; nothing endless is read. */

const maxBytes = 16 * 1024 * 1024;
const fetchTimeoutMs = 30_000;

export const isUrl = (given: string): boolean => /^https?:\/\//i.test(given);

export async function readBytes(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
    return await readFile(file);
  } catch (error) {
    throw new ManifestError(`cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function readText(file: string): Promise<string> {
  return (await readBytes(file)).toString();
}

const redirects = 5;

/** Not by fetch, which refuses ports that browsers do. */
export async function fetchText(url: string): Promise<string> {
  const { Agent, interceptors } = await import('undici');
  const agent = new Agent().compose(interceptors.redirect({ maxRedirections: redirects }));
  try {
    const { origin, pathname, search } = new URL(url);
    const signal = AbortSignal.timeout(fetchTimeoutMs);
    const response = await agent.request({ origin, path: `${pathname}${search}`, method: 'GET', signal });
    if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  } catch (error) {
    throw new ManifestError(`cannot read ${url}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await agent.close();
  }
}
