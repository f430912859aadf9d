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
