import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/picker/config/parse.ts';
import type { PickerEndpoint } from '../../../src/picker/request.ts';
import { fixture } from '../fixture.ts';

const rank = (address: string, port: number): PickerEndpoint => ({
  key: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
  address,
  port,
});

const config = (handler: string, profiles = '') =>
  parseConfig(`
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [${handler}, {type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}${profiles}]
`);

describe('data-parallel-profile-handler (epp.md 5.3)', () => {
  it.each([
    ['{type: data-parallel-profile-handler}', '10.0.0.1', '10.0.0.1:8000', '10.0.0.1:8002'],
    [
      '{type: data-parallel-profile-handler, parameters: {primaryPort: 9000}}',
      'fd00::1',
      '[fd00::1]:9000',
      '[fd00::1]:8002',
    ],
  ])('%s sends to the primary port and names the rank in a header', (handler, address, destination, picked) => {
    const pool = [rank(address, 8001), rank(address, 8002)];
    const { director, ask } = fixture(config(handler), pool);
    director.recordMetrics(pool[0]?.key ?? '', { waiting: 5 });
    director.recordMetrics(pool[1]?.key ?? '', { waiting: 0 });
    expect(ask().decision).toMatchObject({ destination, setHeaders: [['x-data-parallel-host-port', picked]] });
  });

  it('refuses more than one profile, and ports that are none', () => {
    const handler = '{type: data-parallel-profile-handler}';
    expect(() => fixture(config(handler, ', {name: other, plugins: [{pluginRef: queue-scorer}]}'), [])).toThrow(
      /exactly one scheduling profile expected, got 2/,
    );
    const wrong = '{type: data-parallel-profile-handler, parameters: {primaryPort: 70000}}';
    expect(() => fixture(config(wrong), [])).toThrow(/primaryPort.*70000/);
  });
});
