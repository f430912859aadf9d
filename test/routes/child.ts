/** Reads a table as JSON, then requests, one JSON line each, and answers each request with the id of its rule. */
import { createInterface } from 'node:readline';
import { linkTable, type LinkedTable } from '../../src/routes/index.ts';
import { readTable } from '../../src/routes/read.ts';
import { ruleFor, type PlainRequest } from './randomtables.ts';

let linked: LinkedTable | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  if (linked === undefined) linked = linkTable(readTable(JSON.parse(line)));
  else console.log(JSON.stringify(ruleFor(linked, JSON.parse(line) as PlainRequest) ?? null));
}
