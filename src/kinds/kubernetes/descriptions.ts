import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What Kubernetes says of one of its own types and of the type's fields. */
export interface ModelDescription {
  description?: string;
  fields: Readonly<Record<string, string>>;
}

const requireModel = createRequire(import.meta.url);
const known = new Map<string, ModelDescription>();

/**
 * The descriptions of a model class of `@kubernetes/client-node`, from the comments in its type declarations: the generator
 * puts them nowhere else. Read when first asked for, as only `kubectl explain` wants them; without the file there are none.
 */
export function describeModel(model: string): ModelDescription {
  const before = known.get(model);
  if (before !== undefined) return before;
  const described = parse(declarationOf(model));
  known.set(model, described);
  return described;
}

function declarationOf(model: string): string {
  try {
    const file = requireModel.resolve(`@kubernetes/client-node/dist/gen/models/${model}.js`);
    return readFileSync(file.replace(/\.js$/, '.d.ts'), 'utf8');
  } catch {
    return '';
  }
}

function parse(declaration: string): ModelDescription {
  const description = textOf(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*export declare class/.exec(declaration)?.[1]);
  const fields: Record<string, string> = {};
  for (const [, comment, name] of declaration.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*'([^']+)'\??:/g)) {
    const text = textOf(comment);
    // The generator marks names that are words of the language.
    if (name !== undefined && text !== undefined) fields[name.replace(/^_/, '')] = text;
  }
  return { ...(description !== undefined && { description }), fields };
}

function textOf(comment: string | undefined): string | undefined {
  const text = comment
    ?.split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .trim();
  return text === '' ? undefined : text;
}
