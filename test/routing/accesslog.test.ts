import { expect, it } from 'vitest';
import { accessLogsOf } from '../../src/routing/accesslog.ts';

const at = 'telemetry.accessLog.settings';
const json = { type: 'JSON', json: { code: '%RESPONSE_CODE%' } } as const;
const stdout = { type: 'File', file: { path: '/dev/stdout' } } as const;

it('takes what is written to the output, and names the rest', () => {
  const { logs, withoutEffect } = accessLogsOf({
    settings: [
      {
        format: json,
        matches: ["request.headers['x-ai-eg-model'] != ''"],
        sinks: [stdout, { type: 'OpenTelemetry', openTelemetry: {} }],
      },
      {
        format: { type: 'Text', text: '%RESPONSE_FLAGS% %DURATION%' },
        sinks: [{ type: 'File', file: { path: '/etc/passwd' } }],
      },
      { type: 'Listener', format: json, sinks: [stdout] },
      { sinks: [stdout] },
      { format: json, matches: ['not CEL ('], sinks: [stdout] },
    ],
  });
  expect(logs).toEqual([
    {
      path: '/dev/stdout',
      format: { type: 'json', fields: { code: '%RESPONSE_CODE%' } },
      when: ["request.headers['x-ai-eg-model'] != ''"],
    },
  ]);
  expect(withoutEffect).toEqual([
    `${at}[0].sinks[1]`,
    `${at}[1].format %RESPONSE_FLAGS%`,
    `${at}[1].sinks[0]`,
    `${at}[2].type`,
    `${at}[3].format`,
    `${at}[4].matches`,
  ]);
});

it('writes none where it is disabled', () => {
  expect(accessLogsOf({ disable: true, settings: [{ format: json, sinks: [stdout] }] })).toEqual({
    logs: [],
    withoutEffect: [],
  });
});
