/**
 * What a host of the picker tells it of a request, whichever host that is: the gateway in process, or the ext_proc server. Cases see only
 * where requests go; what the picker knows shows in where it sends the next one.
 */
import { expect, it } from 'vitest';

/** A request on its way, sent and not answered yet. */
export interface Sent {
  /** `address:port` that it went to. */
  readonly destination: string;
  /** `address:port` of a disaggregated pool's prefill server; '' when it has none. */
  readonly prefill: string;
  /** The head and the first bytes of the answer come, and the client has them. */
  firstBytes(): Promise<void>;
  /** The rest of the answer comes, and the client has it. */
  end(): Promise<void>;
  /** The client goes away. */
  cancel(): Promise<void>;
}

export interface Host {
  /** Sends a request; waits until it is where it was sent to. */
  send(): Promise<Sent>;
  /** The same for a request that knows of no other endpoints than these, as one that began before the others came. */
  sendKnowing(keys: readonly string[]): Promise<Sent>;
  close(): Promise<void>;
}

export interface HostedEndpoint {
  readonly key: string;
  readonly role?: 'decode' | 'prefill';
}

/** Starts a host over so many endpoints, with these roles where the pool is disaggregated; `endpoints` says where they are. */
export type StartHost = (
  config: string,
  roles: readonly HostedEndpoint['role'][],
) => Promise<{ host: Host; endpoints: readonly HostedEndpoint[] }>;

const leastActive = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: active-request-scorer}, {type: max-score-picker}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: active-request-scorer}, {pluginRef: max-score-picker}]}]
`;

const disaggregated = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- {type: decode-filter}
- {type: prefill-filter}
- {type: always-disagg-pd-decider}
- {type: disagg-profile-handler, parameters: {deciders: {prefill: always-disagg-pd-decider}}}
- {type: active-request-scorer}
- {type: max-score-picker}
schedulingProfiles:
- {name: decode, plugins: [{pluginRef: decode-filter}, {pluginRef: max-score-picker}]}
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: active-request-scorer}, {pluginRef: max-score-picker}]}
`;

export function hostContract(start: StartHost): void {
  const with2 = async (use: (host: Host, keys: readonly string[]) => Promise<void>): Promise<void> => {
    const { host, endpoints } = await start(leastActive, [undefined, undefined]);
    try {
      await use(
        host,
        endpoints.map(({ key }) => key),
      );
    } finally {
      await host.close();
    }
  };

  /** Where the next requests go while all of them run: the free places, most free first. */
  const next = async (host: Host, count: number): Promise<string[]> => {
    const sent: Sent[] = [];
    for (let at = 0; at < count; at += 1) sent.push(await host.send());
    for (const one of sent) await one.end();
    return sent.map(({ destination }) => destination);
  };

  it('a request is running until its answer has ended', async () => {
    await with2(async (host) => {
      const first = await host.send();
      await first.firstBytes();
      for (let round = 0; round < 4; round += 1) expect(await next(host, 1)).not.toContain(first.destination);
      await first.end();
      expect(new Set(await next(host, 2)).size).toBe(2);
    });
  });

  it('a client that goes away ends its request', async () => {
    await with2(async (host) => {
      const first = await host.send();
      await first.cancel();
      // Both places are free again: two requests at a time never meet, whichever goes first.
      for (let round = 0; round < 4; round += 1) expect(new Set(await next(host, 2)).size).toBe(2);
    });
  });

  it('a request that knows of fewer endpoints makes the picker forget nothing of the others', async () => {
    await with2(async (host, [one = '', other = '']) => {
      const sent = [await host.send(), await host.send(), await host.send(), await host.send()];
      for (const running of sent.filter(({ destination }) => destination === one)) await running.end();
      const older = await host.sendKnowing([one]);
      expect(older.destination).toBe(one);
      // One runs here, two there.
      const following = await host.send();
      expect(following.destination).toBe(one);
      for (const running of [older, following, ...sent.filter(({ destination }) => destination === other)]) {
        await running.end();
      }
    });
  });

  it('a prefill server is free as soon as the answer begins', async () => {
    const { host } = await start(disaggregated, ['decode', 'prefill', 'prefill']);
    try {
      const first = await host.send();
      const second = await host.send();
      expect(new Set([first.prefill, second.prefill]).size).toBe(2);
      await first.firstBytes();
      for (let round = 0; round < 4; round += 1) {
        const following = await host.send();
        expect(following.prefill).toBe(first.prefill);
        await following.end();
      }
      await first.end();
      await second.end();
    } finally {
      await host.close();
    }
  });
}
