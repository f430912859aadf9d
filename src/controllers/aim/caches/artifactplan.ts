import type { AIMArtifact } from '../../../kinds/aim/aimartifact.ts';
import { Job } from '../../../kinds/batch/job.ts';
import type { Child } from '../../../reconcile/children.ts';
import { configComponent } from '../configcomponent.ts';
import { invalidSpec } from '../failures.ts';
import { assess, type Component, type ExtraCondition } from '../health.ts';
import type { Plan } from '../../../reconcile/pass.ts';
import { resourceStatus } from '../resourcestatus.ts';
import { transitionEvents } from '../transitions.ts';
import { artifactNames, claimLabels, downloadRequest, sizeRequest } from './artifactjobs.ts';
import type { ObservedArtifact } from './artifactobserve.ts';
import { claimChild, claimHealth, claimSize, defaultHeadroomPercent, displaySize } from './claims.ts';
import { jobPodsHealth, retriedJobHealth, retryText, type SeenJob } from './jobs.ts';
import { isSameRequest, weightsJob, type WeightsJob } from './weightsjob.ts';

type ArtifactSpec = NonNullable<AIMArtifact['spec']>;
type ArtifactStatus = NonNullable<AIMArtifact['status']>;

/** Events tell what happens; this is for those that are lost with the pods they are about. */
const progressMs = 10_000;
/** The next pass makes what this one only forgets. */
const againMs = 10;

/** Size, then volume, then download (aim.md 9). */
export function planArtifact(artifact: AIMArtifact, seen: ObservedArtifact | undefined): Plan<AIMArtifact> {
  const { spec } = artifact;
  if (spec === undefined || seen === undefined) return planWithoutSpec(artifact);
  const step = nextStep(artifact, spec, seen);
  const configured = seen.config.failure === undefined;
  return {
    apply: configured ? step.apply : [],
    remove: configured ? step.remove.map(({ job }) => ({ kind: Job, ref: job.metadata })) : [],
    labelPropagation: seen.config.spec.labelPropagation,
    requeueAfterMs: step.forgets ? againMs : step.filled ? undefined : progressMs,
    status: (failedWrites, now) => {
      const components = componentsOf(artifact, seen, step);
      const complete = downloadComplete(artifact, seen, step);
      return verdict(artifact, { components, extra: [complete], failedWrites }, fieldsOf(artifact, seen, step), now);
    },
  };
}

function planWithoutSpec(artifact: AIMArtifact): Plan<AIMArtifact> {
  const failures = [invalidSpec('SourceNotSpecified', 'spec.sourceUri is missing: say where the weights come from')];
  const components: Component[] = [{ name: 'Source', failures, dependency: 'Upstream' }];
  return { apply: [], status: (failedWrites, now) => verdict(artifact, { components, failedWrites }, {}, now) };
}

interface Step {
  readonly apply: readonly Child[];
  readonly remove: readonly SeenJob[];
  /** The weights are all on the volume. */
  readonly filled: boolean;
  /** What was known of a volume that is gone is taken back, before there is another. */
  readonly forgets: boolean;
}

function nextStep(artifact: AIMArtifact, spec: ArtifactSpec, seen: ObservedArtifact): Step {
  const { sizeBytes, check, claim, download, config } = seen;
  const nothing: Step = { apply: [], remove: [], filled: false, forgets: false };
  if (sizeBytes === undefined) return { ...nothing, ...askedOnce(sizeRequest(artifact, spec, config.spec), check) };
  if (claim === undefined) {
    // What was downloaded went with the volume: neither the Job nor the status may say otherwise.
    const stale = download !== undefined && download.outcome !== 'running' ? [download] : [];
    const forgets = stale.length > 0 || isVerified(artifact);
    return { ...nothing, forgets, remove: stale, apply: forgets ? [] : [claimOf(artifact, spec, seen, sizeBytes)] };
  }
  if (download?.outcome === 'complete' || (download === undefined && isVerified(artifact))) {
    return { ...nothing, filled: true };
  }
  const asked = askedOnce(downloadRequest(artifact, spec, config.spec, sizeBytes), download);
  return { ...nothing, ...asked, apply: [...seen.missingStatusWriter, ...asked.apply] };
}

/** The Job if there is none; one that failed goes at once when it would be asked something else now. */
function askedOnce(request: WeightsJob, seen: SeenJob | undefined): Pick<Step, 'apply' | 'remove'> {
  if (seen === undefined) return { apply: [weightsJob(request)], remove: [] };
  return { apply: [], remove: seen.outcome === 'failed' && !isSameRequest(seen.job, request) ? [seen] : [] };
}

/** The memory of a download whose Job is gone. */
function isVerified({ status }: AIMArtifact): boolean {
  return status?.conditions?.some(({ type, reason }) => type === 'DownloadComplete' && reason === 'Verified') === true;
}

const headroomOf = ({ config }: ObservedArtifact): number =>
  config.spec.storage?.pvcHeadroomPercent ?? defaultHeadroomPercent;

function claimOf(artifact: AIMArtifact, spec: ArtifactSpec, seen: ObservedArtifact, sizeBytes: number): Child {
  return claimChild({
    name: artifactNames(artifact).claim,
    namespace: artifact.metadata.namespace ?? '',
    labels: claimLabels(artifact),
    size: claimSize(sizeBytes, headroomOf(seen)),
    storageClassName: spec.storageClassName ?? seen.config.spec.storage?.defaultStorageClassName,
  });
}

function componentsOf({ status }: AIMArtifact, seen: ObservedArtifact, { filled }: Step): Component[] {
  const { config, sizeBytes, claim, classes, download } = seen;
  const own = (name: string, health: Omit<Component, 'name' | 'dependency'>): Component => ({
    name,
    dependency: 'Downstream',
    ...health,
  });
  const first = configComponent(config, 'ReferenceNotFound');
  if (sizeBytes === undefined) return [first, ...checkComponents(seen, own)];
  const volume =
    claim === undefined
      ? own('CachePvc', { state: 'Progressing', reason: 'PvcNotCreated', message: 'the claim is being made' })
      : own('CachePvc', claimHealth(claim, classes));
  if (filled) return [first, volume];
  if (download === undefined) {
    const message = 'the download starts when the claim is there';
    return [first, volume, own('DownloadJob', { state: 'Progressing', reason: 'JobNotCreated', message })];
  }
  const said = status?.download?.message;
  const checks = 'check spec.sourceUri, its credentials in spec.env, and the log of the pods';
  const advice = said === undefined ? checks : `${said}; ${checks}`;
  return [
    first,
    volume,
    own('DownloadJob', retriedJobHealth(download, advice)),
    own('DownloadJobPods', jobPodsHealth(download)),
  ];
}

type Own = (name: string, health: Omit<Component, 'name' | 'dependency'>) => Component;

function checkComponents({ check, sizeProblem }: ObservedArtifact, own: Own): Component[] {
  if (check === undefined) {
    const message = 'the size is being found out';
    return [own('CheckSizeJob', { state: 'Progressing', reason: 'JobNotCreated', message })];
  }
  const advice = 'set spec.size to go on without it';
  const message = `${sizeProblem ?? ''}: ${advice}; ${retryText(check.job)}`;
  return [
    own('CheckSizeJob', retriedJobHealth(check, advice)),
    own('CheckSizeJobPods', jobPodsHealth(check)),
    ...(sizeProblem === undefined
      ? []
      : [own('CheckSizeOutput', { failures: [invalidSpec('InvalidSizeOutput', message)] })]),
  ];
}

function downloadComplete(
  { status }: AIMArtifact,
  { download, claim }: ObservedArtifact,
  { filled }: Step,
): ExtraCondition {
  const is = (done: boolean, reason: string, message: string): ExtraCondition => ({
    type: 'DownloadComplete',
    status: done ? 'True' : 'False',
    reason,
    message,
  });
  if (filled) return is(true, 'Verified', 'the weights are on the volume');
  if (claim === undefined || download === undefined) return is(false, 'Downloading', 'the download has not started');
  const { progress, download: attempt } = status ?? {};
  const all = progress?.percentage === 100;
  const said = attempt?.message === undefined ? '' : `: ${attempt.message}`;
  if (download.outcome === 'failed') {
    return all
      ? is(false, 'VerificationFailed', `the weights are not what was expected${said}`)
      : is(false, 'Downloading', `the download has failed${said}`);
  }
  return all
    ? is(true, 'Verifying', 'all is there and is being verified')
    : is(false, 'Downloading', `the weights are being downloaded${said}`);
}

function fieldsOf(artifact: AIMArtifact, seen: ObservedArtifact, step: Step): Partial<ArtifactStatus> {
  const { sizeBytes, discovered, claim, config } = seen;
  const { metadata, status } = artifact;
  const allocated = claim?.spec.resources?.requests?.['storage'];
  const progress = progressOf(status, seen, step);
  return {
    ...(config.reference === undefined ? {} : { resolvedRuntimeConfig: config.reference }),
    mode: metadata.ownerReferences?.length ? 'Dedicated' : 'Shared',
    ...(progress === undefined ? {} : { progress }),
    ...(status?.download === undefined || claim === undefined ? {} : { download: status.download }),
    ...(sizeBytes === undefined ? {} : { displaySize: displaySize(sizeBytes) }),
    ...(discovered && sizeBytes !== undefined ? { discoveredSizeBytes: sizeBytes } : {}),
    ...(claim === undefined ? {} : { persistentVolumeClaim: claim.metadata.name }),
    ...(allocated === undefined ? {} : { allocatedSize: allocated }),
    ...(claim === undefined ? {} : { headroomPercent: headroomOf(seen) }),
  };
}

/** The download writes it while it runs; what it means when the download has ended is said here. */
function progressOf(
  status: AIMArtifact['status'],
  { claim, download, sizeBytes }: ObservedArtifact,
  { filled }: Step,
): ArtifactStatus['progress'] {
  if (claim === undefined) return undefined;
  const { progress } = status ?? {};
  if (filled) {
    const bytes = progress?.totalBytes ?? sizeBytes;
    return {
      ...(bytes === undefined ? {} : { totalBytes: bytes, downloadedBytes: bytes }),
      percentage: 100,
      displayPercentage: '100 %',
    };
  }
  return download?.outcome === 'failed' ? { ...progress, displayPercentage: 'N/A' } : progress;
}

function verdict(
  { metadata, status }: AIMArtifact,
  findings: Parameters<typeof assess>[0],
  fields: Partial<ArtifactStatus>,
  now: Date,
) {
  const previous = status?.conditions ?? [];
  const { state, conditions, alarms, retry } = assess(findings, previous, now);
  const { generation } = metadata;
  return {
    status: {
      ...fields,
      status: resourceStatus(state),
      conditions,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    events: transitionEvents(previous, conditions, alarms),
    retry,
  };
}
