/** vLLM's command line, for the servers that stand in for it. */

/** Flags that tune hardware or loading, where a server that stands in for vLLM has nothing to tune. `true`: takes no value. */
const withoutEffect: Readonly<Record<string, boolean>> = {
  'tensor-parallel-size': false,
  'pipeline-parallel-size': false,
  'gpu-memory-utilization': false,
  'cpu-offload-gb': false,
  'swap-space': false,
  dtype: false,
  quantization: false,
  'kv-cache-dtype': false,
  'load-format': false,
  'download-dir': false,
  'tokenizer-mode': false,
  'max-num-batched-tokens': false,
  'max-lora-rank': false,
  'distributed-executor-backend': false,
  'compilation-config': false,
  'force-dummy-tokenizer': true,
  'enforce-eager': true,
  'trust-remote-code': true,
  'enable-lora': true,
  'enable-prefix-caching': true,
  'enable-chunked-prefill': true,
  'disable-log-requests': true,
  'disable-log-stats': true,
};

/** Takes out the flags that have no effect, and their values. */
export function dropWithoutEffect(argv: readonly string[]): { kept: string[]; ignored: string[] } {
  const kept: string[] = [];
  const ignored: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    const name = /^--([\w-]+)(=|$)/.exec(argument)?.[1] ?? '';
    const valueless = Object.hasOwn(withoutEffect, name) ? withoutEffect[name] : undefined;
    if (valueless === undefined) {
      kept.push(argument);
      continue;
    }
    ignored.push(`--${name}`);
    if (!valueless && !argument.includes('=')) at++;
  }
  return { kept, ignored };
}

/** `vllm serve MODEL --flags` names the model first, without a flag. */
export function namedModel(argv: readonly string[]): readonly string[] {
  const [first, ...others] = argv;
  return first === undefined || first.startsWith('-') ? argv : ['--model', first, ...others];
}
