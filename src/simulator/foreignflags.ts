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
