import { llmEndpoints } from '../../../llm/endpoints.ts';
import { declared, type Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';
import { modelsOf } from './models.ts';

/** What somebody sees who opens the address of a Gateway: what this is and which models it serves. HTML where the client likes that. */
export function frontPage(request: GatewayRequest): Answer {
  const models = modelsOf(request).map(({ id }) => id);
  const gateway = request.served.gateway?.key ?? '';
  if (request.exchange.header('accept')?.includes('text/html') === true) {
    return declared(200, ['content-type', 'text/html; charset=utf-8'], htmlPage(gateway, models));
  }
  const endpoints = llmEndpoints.map(({ method, path }) => `${method} ${path}`);
  const page = { name: 'headgate', what: 'an inference gateway', gateway, models, endpoints };
  return declared(200, ['content-type', 'application/json'], `${JSON.stringify(page, undefined, 2)}\n`);
}

function htmlPage(gateway: string, models: readonly string[]): string {
  const items = models.map((id) => `<li><code>${escaped(id)}</code></li>`).join('');
  const list = models.length === 0 ? '<p>No model is served yet.</p>' : `<ul>${items}</ul>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Headgate</title>
<h1>Headgate</h1><p>An inference gateway (<code>${escaped(gateway)}</code>). Point an OpenAI client at <code>/v1</code> of this address.</p>
<h2>Models</h2>${list}</html>
`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? '');
}
