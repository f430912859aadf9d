/** Every built-in plugin, by its type in a configuration (epp.md 5.2 to 5.9, 6.2, 6.4, 6.5). */
import { latencySloAdmitter } from './admission/latencyslo.ts';
import { probabilisticAdmitter } from './admission/probabilistic.ts';
import { headerTestingFilter } from './filters/headertesting.ts';
import { byLabelFilter, labelSelectorFilter } from './filters/labelselector.ts';
import { prefixAffinityFilter } from './filters/prefixaffinity.ts';
import { roleFilters } from './filters/role.ts';
import { sloHeadroomFilter } from './filters/sloheadroom.ts';
import { fairnessPolicies } from './flowcontrol/fairness.ts';
import { orderingPolicies, staticUsageLimitPolicy } from './flowcontrol/ordering.ts';
import { metricsPlugins } from './metrics/source.ts';
import { passivePlugins } from './passive.ts';
import { maxScorePicker } from './pickers/maxscore.ts';
import { randomPicker } from './pickers/random.ts';
import { weightedRandomPicker } from './pickers/weightedrandom.ts';
import type { PluginFactory } from './plugin.ts';
import { approxPrefixCacheProducer } from './prefix/approximate.ts';
import { dataParallelProfileHandler } from './profiles/dataparallel.ts';
import { deciders } from './profiles/deciders.ts';
import { disaggregatedProfileHandler, prefillDecodeProfileHandler } from './profiles/disaggregated.ts';
import { singleProfileHandler } from './profiles/single.ts';
import { requestAttributeReporter } from './reporters/requestattribute.ts';
import { concurrencyDetector } from './saturation/concurrency.ts';
import { utilizationDetector } from './saturation/utilization.ts';
import { activeRequestScorer } from './scorers/activerequest.ts';
import { contextLengthAware } from './scorers/contextlength.ts';
import { kvCacheUtilizationScorer } from './scorers/kvcache.ts';
import { latencyScorer } from './scorers/latency.ts';
import { loadAwareScorer } from './scorers/loadaware.ts';
import { loraAffinityScorer } from './scorers/loraaffinity.ts';
import { noHitLruScorer } from './scorers/nohitlru.ts';
import { precisePrefixCacheScorer } from './scorers/preciseprefix.ts';
import { prefixCacheScorer } from './scorers/prefixcache.ts';
import { queueScorer } from './scorers/queue.ts';
import { runningRequestsScorer } from './scorers/runningrequests.ts';
import { sessionAffinityScorer } from './scorers/sessionaffinity.ts';
import { tokenLoadScorer } from './scorers/tokenload.ts';
import { tokenProducer } from './tokens/producer.ts';

const factories: readonly PluginFactory[] = [
  ...roleFilters,
  labelSelectorFilter,
  byLabelFilter,
  headerTestingFilter,
  prefixAffinityFilter,
  sloHeadroomFilter,
  queueScorer,
  runningRequestsScorer,
  kvCacheUtilizationScorer,
  loadAwareScorer,
  activeRequestScorer,
  tokenLoadScorer,
  loraAffinityScorer,
  contextLengthAware,
  prefixCacheScorer,
  precisePrefixCacheScorer,
  sessionAffinityScorer,
  noHitLruScorer,
  latencyScorer,
  approxPrefixCacheProducer,
  tokenProducer,
  maxScorePicker,
  randomPicker,
  weightedRandomPicker,
  singleProfileHandler,
  dataParallelProfileHandler,
  disaggregatedProfileHandler,
  prefillDecodeProfileHandler,
  ...deciders,
  utilizationDetector,
  concurrencyDetector,
  probabilisticAdmitter,
  latencySloAdmitter,
  ...fairnessPolicies,
  ...orderingPolicies,
  staticUsageLimitPolicy,
  ...metricsPlugins,
  requestAttributeReporter,
  ...passivePlugins,
];

const byType: ReadonlyMap<string, PluginFactory> = new Map(
  factories.flatMap((factory) => factory.types.map((type) => [type, factory] as const)),
);

export const pluginTypes: readonly string[] = [...byType.keys()].toSorted();

export function findFactory(type: string): PluginFactory | undefined {
  return byType.get(type);
}
