/** `npm run docs:errors`: writes docs/errors.md from the table of the gateway's own answers. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { answerTable } from '../src/gateway/answers.ts';

/** A row per answer. */
export function errorsPage(): string {
  const lines = [
    '# Answers that the gateway gives by itself',
    '',
    'Everything else comes from a model server or from what a route declares (redirects, direct responses). `{name}` stands for a value. Made from',
    '`src/gateway/answers.ts` by `npm run docs:errors`.',
    '',
    '| Id | Status | Text | When |',
    '|---|---|---|---|',
  ];
  for (const [id, row] of Object.entries(answerTable)) {
    const { status, text, when } = row;
    const limit = 'limit' in row ? ` Counted in \`headgate_limits_hit_total{limit="${row.limit}"}\`.` : '';
    lines.push(`| \`${id}\` | ${status} | ${text} | ${when}${limit} |`);
  }
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) {
  writeFileSync(fileURLToPath(new URL('../docs/errors.md', import.meta.url)), errorsPage());
}
