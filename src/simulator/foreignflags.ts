/** Flags of the servers that this simulator stands in for and that it does nothing with. */

/** Flags of the real simulator that this one does not have yet. */
export const notSupported = new Set(
  `config global-cache-hit-threshold max-tool-call-integer-param min-tool-call-integer-param max-tool-call-number-param
  min-tool-call-number-param max-tool-call-array-param-length min-tool-call-array-param-length
  tool-call-not-required-param-probability object-tool-call-not-required-field-probability skip-tool-validation
  tool-call-extra-call-probability dataset-path dataset-url dataset-in-memory dataset-table-name render-url ssl-certfile
  ssl-keyfile self-signed-certs log-http image-emission-rate omni no-omni mm-encoder-only
  no-mm-encoder-only strict enable-sleep-mode no-enable-sleep-mode time-to-generate-image
  time-to-generate-image-std-dev engine mm-processor-kwargs ec-transfer-config`.split(/\s+/),
);

/** Flags of the real vLLM that tune hardware or loading: a simulation has nothing to tune. `true`: takes no value. */
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
