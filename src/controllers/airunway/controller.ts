import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { InferenceProviderConfig } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { Pod } from '../../kinds/core/pod.ts';
import { Service } from '../../kinds/core/service.ts';
import { Gateway } from '../../kinds/gateway/gateway.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { ReferenceGrant } from '../../kinds/gateway/referencegrant.ts';
import { InferencePool } from '../../kinds/inference/inferencepool.ts';
import { apiVersionOf, qualifiedResource, type Kind } from '../../kinds/kind.ts';
import { keyOf, type KubeObject } from '../../kinds/object.ts';
import { watch, type Controller } from '../../kube/controller.ts';
import { controllerOf, ownerReferenceTo } from '../../kube/owners.ts';
import type { Child, Parent } from '../../reconcile/children.ts';
import { startDefinition, type Definition } from '../../reconcile/pass.ts';
import { readerOf, type ControllerEnvironment, type Reader } from '../../reconcile/pass.ts';
import { decide } from './decision.ts';
import { deploymentsBehind, podsOf, probedModel, probeKey, servedUnlabelled } from './endpoint.ts';
import type { GatewayObserved } from './gatewayplan.ts';
import { managedPoolOf } from './managedpool.ts';
import type { AirunwayMetrics } from './metrics.ts';
import type { ModelProbe } from './modelprobe.ts';
import { pickerKinds } from './pickerobjects.ts';
import { planDeployment, type Observed } from './plan.ts';
import { deploymentsWithNews, podProblem } from './podproblem.ts';
import { providers } from './providers/index.ts';
import { capabilityOf } from './selection.ts';
import type { AirunwaySettings, PlanContext } from './settings.ts';

/** The kinds of one of the two groups. */
export interface AirunwayKinds {
  readonly dialect: AirunwayDialect;
  readonly deployment: Kind<ModelDeployment>;
  readonly providerConfig: Kind<InferenceProviderConfig>;
}

export interface ModelDeploymentOptions {
  readonly environment: ControllerEnvironment;
  readonly kinds: AirunwayKinds;
  readonly settings: AirunwaySettings;
  readonly probe: ModelProbe;
  readonly metrics: AirunwayMetrics;
}

/** Chooses, makes and offers what ModelDeployments of one group declare (airunway.md 3 to 5). */
export async function startModelDeployments(options: ModelDeploymentOptions): Promise<Controller> {
  const { environment, kinds, settings, probe, metrics } = options;
  const { dialect, deployment: kind, providerConfig } = kinds;
  const { informers } = environment;
  const context: PlanContext = { dialect, settings };
  const deployments = informers.informer(kind);
  const all = (): string[] => deployments.list().map(({ metadata }) => keyOf(metadata));
  const providerKinds = [...new Set(providers.flatMap((provider) => [provider.kind, ...(provider.others ?? [])]))];
  const owns = [...new Set([...providerKinds, InferencePool, HTTPRoute, ...pickerKinds])];
  const detect = reportDetection(environment);
  /** On a cluster nobody may have filled in what depends on other fields. */
  const completed = (object: ModelDeployment): ModelDeployment => kind.admission?.complete(object) ?? object;
  /** Wakes a deployment from outside: a probe has found its model. */
  let wake: (key: string) => void = () => undefined;

  const definition: Definition<ModelDeployment, Observed> = {
    name: 'model-deployment',
    manager: `${dialect.name}-controller`,
    pausedBy: keyIn(dialect, 'reconcile-paused'),
    force: true,
    workers: 4,
    kind,
    owns,
    reads: [providerConfig, Gateway, Pod, ReferenceGrant],
    watches: [
      watch(informers.informer(providerConfig), ({ object, previous, deleted }) =>
        !deleted && previous !== undefined && sameOffer(object, previous) ? [] : all(),
      ),
      watch(informers.informer(Gateway), ({ object, previous, deleted }) =>
        !deleted && previous !== undefined && sameGateway(object, previous) ? [] : all(),
      ),
      watch(deployments, ({ object, deleted }) => {
        if (deleted) probe.forget(probeKey(object));
        return [];
      }),
      // Pools of others than us: those that operators make.
      watch(informers.informer(InferencePool), ({ object, previous, deleted }) =>
        (deleted || previous === undefined) && controllerOf(object)?.kind !== kind.kind ? all() : [],
      ),
      watch(informers.informer(Service), ({ object }) => deploymentsBehind(deployments, object)),
      watch(informers.informer(Pod), ({ object, previous, deleted }) =>
        deleted || previous !== undefined
          ? []
          : servedUnlabelled(deployments, informers.informer(Service), object, dialect),
      ),
      watch(informers.informer(Pod), ({ object, previous }) => deploymentsWithNews({ object, previous }, dialect)),
      {
        start: (add) => {
          wake = add;
          return () => {
            wake = () => undefined;
          };
        },
      },
    ],
    complete: (child, parent) => completeChild(child, parent, dialect),
    observe: (object, read) => {
      detect(read);
      return observe(completed(object), read, options, wake);
    },
    plan: (object, observed) => planDeployment(completed(object), observed, context),
    passed: (object, durationMs) => {
      metrics.passed(object, durationMs / 1000);
    },
  };
  const controller = await startDefinition(environment, definition);
  detect(readerOf(environment));
  return controller;
}

/** Kinds without which nothing is offered at Gateways. */
const gatewayKinds: readonly Kind[] = [InferencePool, HTTPRoute, Gateway];

/** Says in the log which of these kinds the API serves, and when that changes. */
function reportDetection({ log }: ControllerEnvironment): (read: Reader) => void {
  let reported: string | undefined;
  return (read) => {
    const missing = gatewayKinds.filter((kind) => !read.served(kind)).map(qualifiedResource);
    const now = missing.join(', ');
    if (now === reported) return;
    reported = now;
    if (missing.length === 0)
      log.info('gateway integration enabled: the API serves InferencePool, HTTPRoute and Gateway');
    else log.info({ missing }, 'gateway integration disabled: the API does not serve all it needs');
  };
}

function observe(
  deployment: ModelDeployment,
  read: Reader,
  { environment, kinds, settings, probe }: ModelDeploymentOptions,
  wake: (key: string) => void,
): Observed {
  const { namespace, name } = deployment.metadata;
  const configs = read.list(kinds.providerConfig);
  const decision = decide(deployment, configs, settings, kinds.dialect);
  const provider = providers.find((candidate) => candidate.name === decision.provider);
  const config = configs.find(({ metadata }) => metadata.name === decision.provider);
  const capability =
    config === undefined || decision.engine === undefined ? undefined : capabilityOf(config, decision.engine);
  const { endpoint } = deployment.status ?? {};
  const service =
    endpoint?.service === undefined ? undefined : read.get(Service, { namespace, name: endpoint.service });
  const offered = read.list(kinds.deployment).filter(({ spec }) => spec.gateway?.enabled !== false);
  const managed = managedPoolOf(deployment, capability);
  const gateway: GatewayObserved = {
    served: gatewayKinds.every((kind) => read.served(kind)),
    gateways: read.list(Gateway),
    existing: (kind, candidate) => read.get(kind, { namespace, name: candidate }),
    service,
    pods: podsOf(service, read),
    managedPool: managed === undefined ? undefined : read.get(InferencePool, managed),
    capability,
    probed: probedModel(deployment, capability, service, probe, wake),
    namespaces: [...new Set(offered.map(({ metadata }) => metadata.namespace ?? ''))],
  };
  environment.log.trace({ deployment: keyOf({ namespace, name }), provider: decision.provider }, 'observed');
  return {
    providers: configs,
    decision,
    gateway,
    own:
      provider === undefined
        ? undefined
        : {
            provider,
            served: read.served(provider.kind),
            existing: (made) => read.get(made.kind, { namespace, name: made.name }),
            problem: podProblem(
              read
                .list(Pod, namespace)
                .filter(({ metadata }) => metadata.labels?.[keyIn(kinds.dialect, 'model-deployment')] === name),
            ),
          },
  };
}

/** Heartbeats are no news. */
function sameOffer(one: InferenceProviderConfig, other: InferenceProviderConfig): boolean {
  return one.metadata.generation === other.metadata.generation && one.status?.ready === other.status?.ready;
}

function sameGateway(one: Gateway, other: Gateway): boolean {
  return (
    one.metadata.generation === other.metadata.generation &&
    JSON.stringify([one.metadata.labels, one.status?.addresses]) ===
      JSON.stringify([other.metadata.labels, other.status?.addresses])
  );
}

function completeChild({ kind, object, owned }: Child, parent: Parent, dialect: AirunwayDialect): KubeObject {
  const labels = owned
    ? { 'app.kubernetes.io/managed-by': dialect.name, ...object.metadata.labels }
    : object.metadata.labels;
  const complete = {
    ...object,
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      ...object.metadata,
      labels,
      ...(owned ? { ownerReferences: [ownerReferenceTo(parent.kind, parent.object)] } : {}),
    },
  };
  // As it will be on the wire: fields that are undefined are not there.
  return JSON.parse(JSON.stringify(complete)) as KubeObject;
}
