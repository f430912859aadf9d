import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One step of a guide: its heading and the code blocks below it, as printed. */
export interface Step {
  title: string;
  blocks: readonly string[];
}

/** The `## Step N` sections of a seed document, by step number. */
export function seedSteps(file: string): ReadonlyMap<number, Step> {
  const text = readFileSync(fileURLToPath(new URL(`../seeds/${file}`, import.meta.url)), 'utf8');
  const steps = new Map<number, Step>();
  for (const section of text.split(/^(?=## )/m)) {
    const heading = /^## Step (\d+): (.*)$/m.exec(section);
    if (heading === null) continue;
    const blocks = [...section.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
    steps.set(Number(heading[1]), { title: heading[2] ?? '', blocks });
  }
  return steps;
}

/** The document between `cat <<EOF | kubectl apply -f -` and `EOF`. */
export function heredoc(block: string): string {
  const body = /<<EOF \| kubectl apply -f -\n([\s\S]*?)^EOF$/m.exec(block)?.[1];
  if (body === undefined) throw new Error(`no heredoc in:\n${block}`);
  return body;
}

/** A code block of a guide, as printed, under the heading it is below. */
export interface Block {
  heading: string;
  language: string;
  text: string;
}

/** All code blocks of a seed document, in order; those within lists without the indent of the list. */
export function seedBlocks(file: string): Block[] {
  const text = readFileSync(fileURLToPath(new URL(`../seeds/${file}`, import.meta.url)), 'utf8');
  const blocks: Block[] = [];
  let heading = '';
  let open: { indent: string; language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const fence = /^(?<indent> *)```(?<language>\w*)$/.exec(line)?.groups;
    if (fence === undefined) {
      if (open !== undefined) open.lines.push(line.slice(open.indent.length));
      else heading = /^#{1,4} (.*)$/.exec(line)?.[1] ?? heading;
    } else if (open === undefined) {
      open = { indent: fence['indent'] ?? '', language: fence['language'] ?? '', lines: [] };
    } else {
      blocks.push({ heading, language: open.language, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  }
  return blocks;
}
