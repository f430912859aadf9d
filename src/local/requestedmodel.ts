import type { Container } from 'kubernetes-types/core/v1.js';

/** The model that a container is told to serve, by the command lines of vLLM and SGLang; undefined: it does not say. */
export function requestedModel({ command = [], args = [] }: Container): string | undefined {
  const words = [...command, ...args];
  const at = words.findIndex((word) => /^(--model|--model-path)(=|$)/.test(word));
  const flag = words[at];
  if (flag !== undefined) return flag.includes('=') ? flag.slice(flag.indexOf('=') + 1) : words[at + 1];
  const serve = words.indexOf('serve');
  return serve >= 0 && words[serve - 1]?.endsWith('vllm') === true ? words[serve + 1] : undefined;
}
