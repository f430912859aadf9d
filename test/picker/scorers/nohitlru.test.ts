import { describe, expect, it } from 'vitest';
import { configOf, endpoint } from '../fixture.ts';
import { scored, type Scored } from '../scored.ts';

const three = [1, 2, 3].map((at) => endpoint(at));
const to = (at: number) => ({ subset: [three[at - 1]?.key ?? ''] });
const config = configOf('no-hit-lru-scorer', 'prefix-cache-scorer');

function prompt({ director }: Scored, text: string) {
  const hasher = director.promptHasher('completions');
  hasher?.push(Buffer.from(JSON.stringify({ prompt: text.repeat(40) })));
  return { prompt: hasher?.finish() };
}

describe('no-hit-lru-scorer (epp.md 5.7)', () => {
  it('ranks cold requests by who had none, in order, then by whose was longest ago', () => {
    const fixture = scored(config, three);
    const { scores, send } = fixture;
    expect(scores()).toEqual([1, 0.5, 0]);
    send(to(1))();
    expect(scores()).toEqual([0, 1, 0.5]);
    send(to(3))();
    expect(scores()).toEqual([0.5, 1, 0]);
    send(to(1))();
    expect(scores()).toEqual([0, 1, 0.5]);
  });

  it('gives 1 to an endpoint that is alone', () => {
    expect(scored(config, three.slice(0, 1)).scores()).toEqual([1]);
  });

  it('says nothing on requests that a cache knows, which do not count as cold', () => {
    const fixture = scored(config, three);
    const { scores, send } = fixture;
    send({ ...to(2), ...prompt(fixture, 'known ') })();
    expect(scores(prompt(fixture, 'known '))).toEqual([0.5, 0.5, 0.5]);
    expect(scores(prompt(fixture, 'other '))).toEqual([1, 0, 0.5]);
    send({ ...to(2), ...prompt(fixture, 'known ') })();
    send({ ...to(1), ...prompt(fixture, 'other ') })();
    send({ ...to(2), ...prompt(fixture, 'known ') })();
    // The second's only cold request is older than the first's.
    expect(scores(prompt(fixture, 'third '))).toEqual([0, 0.5, 1]);
  });

  it('remembers lruSize endpoints, and none that is gone', () => {
    const small = scored(
      configOf({ type: 'no-hit-lru-scorer', parameters: { lruSize: 1 } }, 'prefix-cache-scorer'),
      three,
    );
    small.send(to(1))();
    small.send(to(3))();
    expect(small.scores()).toEqual([1, 0.5, 0]);
    small.director.update(three.slice(0, 2));
    small.director.update([endpoint(4), ...three.slice(0, 2)]);
    expect(small.scores()).toEqual([1, 0.5, 0]);
  });
});
