import { EndpointSlice } from '../kinds/discovery/endpointslice.ts';
import type { InformerCache } from '../kube/informer.ts';

/** Resolves when no EndpointSlice offers a Pod any more as one that takes requests, or when the signal aborts. */
export type WhenUnlisted = (podUid: string, signal: AbortSignal) => Promise<void>;

const byPod = 'pod-uid';

export function watchListings(informers: InformerCache): WhenUnlisted {
  const slices = informers.informer(EndpointSlice);
  slices.addIndex(byPod, ({ endpoints }) => endpoints.flatMap(({ targetRef }) => targetRef?.uid ?? []));
  const isListed = (uid: string): boolean =>
    slices
      .byIndex(byPod, uid)
      .some(({ endpoints }) =>
        endpoints.some(({ targetRef, conditions }) => targetRef?.uid === uid && conditions?.ready === true),
      );
  return async (uid, signal) => {
    while (isListed(uid) && !signal.aborted) {
      const changed = Promise.withResolvers<undefined>();
      const done = (): void => {
        changed.resolve(undefined);
      };
      const stop = slices.onChange(({ previous, deleted }) => {
        // Those that are there are announced to a new listener, too.
        if (deleted || previous !== undefined) done();
      });
      signal.addEventListener('abort', done, { once: true });
      await changed.promise;
      signal.removeEventListener('abort', done);
      stop();
    }
  };
}
