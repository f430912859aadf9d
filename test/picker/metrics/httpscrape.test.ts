import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { createHttpScrape } from '../../../src/picker/metrics/httpscrape.ts';

it('reads a page, and refuses errors and pages beyond the bound', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') response.end('m 1\n');
    else if (request.url === '/huge') response.end('x'.repeat(300 * 1024));
    else response.writeHead(500).end('no');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { scrape, close } = createHttpScrape();
  const { signal } = new AbortController();
  const read = (path: string): Promise<string> => scrape(`http://127.0.0.1:${port}${path}`, signal);
  await expect(read('/metrics')).resolves.toBe('m 1\n');
  await expect(read('/huge')).rejects.toThrow();
  await expect(read('/error')).rejects.toThrow('status 500');
  await close();
  await new Promise((resolve) => server.close(resolve));
});
