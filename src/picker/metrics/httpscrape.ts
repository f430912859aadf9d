/** Reads metrics pages over HTTP, with its own small connection pools and a bound on the page. */
import { Agent, request } from '../../wire/undici.ts';
import { maxMetricsBytes, type Scrape } from './scraper.ts';

export interface HttpScrape {
  readonly scrape: Scrape;
  readonly close: () => Promise<void>;
}

export function createHttpScrape(): HttpScrape {
  const agent = new Agent({
    connections: 2,
    pipelining: 1,
    connectTimeout: 1_000,
    headersTimeout: 2_000,
    bodyTimeout: 2_000,
    maxResponseSize: maxMetricsBytes,
  });
  return {
    scrape: async (url, signal) => {
      const { statusCode, body } = await request(url, { dispatcher: agent, signal });
      if (statusCode !== 200) {
        await body.dump();
        throw new Error(`status ${statusCode}`);
      }
      return body.text();
    },
    close: () => agent.destroy(),
  };
}
