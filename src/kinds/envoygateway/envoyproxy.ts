import { Type } from '../type.ts';
import { policyAncestorStatuses, secretObjectReference } from '../gateway/fields.ts';
import { describeFields } from '../describe.ts';
import { defineKind, type ObjectOf } from '../kind.ts';
import { freeForm, int32, mapOf, objectSchema, stringEnum } from '../schema.ts';
import { apiGroup } from './fields.ts';

/**
 * EnvoyProxy: settings that a Gateway or a GatewayClass refers to in `parametersRef` (aigateway.md 13). Most of it shapes Envoy's
 * Pods, which Headgate has none of: it is taken as it is, and the status says what has no effect.
 */

const kubernetes = Type.Object(
  {
    envoyDeployment: Type.Optional(freeForm()),
    envoyDaemonSet: Type.Optional(freeForm()),
    envoyService: Type.Optional(freeForm()),
    envoyServiceAccount: Type.Optional(freeForm()),
    envoyHpa: Type.Optional(freeForm()),
    envoyPDB: Type.Optional(freeForm()),
    useListenerPortAsContainerPort: Type.Optional(Type.Boolean()),
  },
  {
    'x-kubernetes-validations': [
      {
        rule: '!(has(self.envoyDeployment) && has(self.envoyDaemonSet))',
        message: 'only one of envoyDeployment or envoyDaemonSet can be specified',
      },
      {
        rule: '!(has(self.envoyHpa) && has(self.envoyDaemonSet))',
        message: 'cannot use envoyHpa if envoyDaemonSet is used',
      },
    ],
  },
);

const accessLog = Type.Object({
  disable: Type.Optional(Type.Boolean()),
  settings: Type.Optional(
    Type.Array(
      Type.Object({
        type: Type.Optional(stringEnum(['Listener', 'Route'])),
        format: Type.Optional(
          Type.Object(
            {
              type: Type.Optional(stringEnum(['Text', 'JSON'])),
              text: Type.Optional(Type.String()),
              json: Type.Optional(mapOf(Type.String())),
            },
            { 'x-kubernetes-preserve-unknown-fields': true },
          ),
        ),
        matches: Type.Optional(Type.Array(Type.String(), { maxItems: 10 })),
        sinks: Type.Array(
          Type.Object({
            type: Type.Optional(stringEnum(['ALS', 'File', 'OpenTelemetry'])),
            als: Type.Optional(freeForm()),
            file: Type.Optional(Type.Object({ path: Type.Optional(Type.String({ minLength: 1 })) })),
            openTelemetry: Type.Optional(freeForm()),
          }),
          { minItems: 1, maxItems: 50 },
        ),
      }),
      { minItems: 1, maxItems: 50 },
    ),
  ),
});

const spec = Type.Object({
  provider: Type.Optional(
    Type.Object({
      type: stringEnum(['Kubernetes', 'Host']),
      kubernetes: Type.Optional(kubernetes),
      host: Type.Optional(freeForm()),
    }),
  ),
  logging: Type.Optional(
    Type.Object(
      {
        level: Type.Optional(
          mapOf(stringEnum(['trace', 'debug', 'info', 'warn', 'error']), { default: { default: 'warn' } }),
        ),
      },
      { default: { level: { default: 'warn' } } },
    ),
  ),
  telemetry: Type.Optional(
    Type.Object({
      accessLog: Type.Optional(accessLog),
      tracing: Type.Optional(freeForm()),
      metrics: Type.Optional(freeForm()),
      requestID: Type.Optional(freeForm()),
    }),
  ),
  bootstrap: Type.Optional(freeForm()),
  concurrency: Type.Optional(int32()),
  routingType: Type.Optional(stringEnum(['Service', 'Endpoint'])),
  extraArgs: Type.Optional(Type.Array(Type.String())),
  mergeGateways: Type.Optional(Type.Boolean()),
  mergeType: Type.Optional(Type.String()),
  shutdown: Type.Optional(freeForm()),
  filterOrder: Type.Optional(Type.Array(freeForm())),
  backendTLS: Type.Optional(
    Type.Object(
      { clientCertificateRef: Type.Optional(secretObjectReference) },
      { 'x-kubernetes-preserve-unknown-fields': true },
    ),
  ),
  ipFamily: Type.Optional(stringEnum(['IPv4', 'IPv6', 'DualStack'])),
  preserveRouteOrder: Type.Optional(Type.Boolean()),
  luaValidation: Type.Optional(Type.String()),
  dynamicModules: Type.Optional(Type.Array(freeForm())),
  geoIP: Type.Optional(freeForm()),
});

const status = Type.Object({ ancestors: Type.Optional(policyAncestorStatuses()) });

export type EnvoyProxy = ObjectOf<typeof spec, typeof status>;

const descriptions = {
  spec: 'The settings.',
  'spec.provider': 'What runs the proxy, and how.',
  'spec.provider.type': 'Kubernetes or Host.',
  'spec.provider.kubernetes': 'Objects that Envoy Gateway makes for the proxy.',
  'spec.provider.kubernetes.envoyDeployment': 'The Deployment.',
  'spec.provider.kubernetes.envoyDaemonSet': 'The DaemonSet.',
  'spec.provider.kubernetes.envoyService': 'The Service.',
  'spec.provider.kubernetes.envoyServiceAccount': 'The ServiceAccount.',
  'spec.provider.kubernetes.envoyHpa': 'The HorizontalPodAutoscaler.',
  'spec.provider.kubernetes.envoyPDB': 'The PodDisruptionBudget.',
  'spec.provider.kubernetes.useListenerPortAsContainerPort': 'Whether ports of listeners are those of the container.',
  'spec.provider.host': 'Settings for a proxy without Kubernetes.',
  'spec.logging': 'What is logged.',
  'spec.logging.level': 'Level by component; default is for all others.',
  'spec.telemetry': 'What is told of requests.',
  'spec.telemetry.accessLog': 'The access log.',
  'spec.telemetry.accessLog.disable': 'No access log.',
  'spec.telemetry.accessLog.settings': 'Formats and where they are written.',
  'spec.telemetry.accessLog.settings.type': 'What is logged: requests of routes, or those that no listener takes.',
  'spec.telemetry.accessLog.settings.format': 'How a request is written.',
  'spec.telemetry.accessLog.settings.format.type': 'Text or JSON.',
  'spec.telemetry.accessLog.settings.format.text': 'A line with operators as Envoy has them, such as %RESPONSE_CODE%.',
  'spec.telemetry.accessLog.settings.format.json': 'Fields and their operators.',
  'spec.telemetry.accessLog.settings.matches': 'CEL expressions; a request is written when all are true.',
  'spec.telemetry.accessLog.settings.sinks': 'Where it is written.',
  'spec.telemetry.accessLog.settings.sinks.type': 'Kind of the sink.',
  'spec.telemetry.accessLog.settings.sinks.als': 'A gRPC access log service.',
  'spec.telemetry.accessLog.settings.sinks.file': 'A file.',
  'spec.telemetry.accessLog.settings.sinks.file.path': 'Its path.',
  'spec.telemetry.accessLog.settings.sinks.openTelemetry': 'An OpenTelemetry collector.',
  'spec.telemetry.tracing': 'Traces.',
  'spec.telemetry.metrics': 'Metrics.',
  'spec.telemetry.requestID': 'The x-request-id header.',
  'spec.bootstrap': "Envoy's bootstrap configuration.",
  'spec.concurrency': 'Threads.',
  'spec.routingType': 'Whether requests go to endpoints or to the addresses of Services.',
  'spec.extraArgs': 'Arguments for Envoy.',
  'spec.mergeGateways': 'One proxy for all Gateways of the class.',
  'spec.mergeType': 'How it is merged with the settings of the class.',
  'spec.shutdown': 'How the proxy ends.',
  'spec.filterOrder': "Order of Envoy's filters.",
  'spec.backendTLS': 'TLS towards backends.',
  'spec.backendTLS.clientCertificateRef': 'Secret with the certificate that is shown to backends.',
  'spec.ipFamily': 'IP versions.',
  'spec.preserveRouteOrder': 'Routes are tried in the order of their declaration.',
  'spec.luaValidation': 'How Lua filters are checked.',
  'spec.dynamicModules': 'Modules for Envoy.',
  'spec.geoIP': 'Where addresses are looked up.',
  status: 'What the controllers found out.',
  'status.ancestors': 'What each Gateway or GatewayClass that refers to it makes of it.',
  'status.ancestors.ancestorRef': 'The Gateway or GatewayClass.',
};

export const EnvoyProxy = defineKind<EnvoyProxy>({
  group: apiGroup,
  kind: 'EnvoyProxy',
  plural: 'envoyproxies',
  shortNames: ['eproxy'],
  categories: ['envoy-gateway'],
  versions: [
    {
      name: 'v1alpha1',
      served: true,
      schema: describeFields(
        objectSchema({ spec: Type.Optional(spec), status: Type.Optional(status) }),
        'Settings of the proxy of a Gateway. The status says which of them have no effect.',
        descriptions,
      ),
      printerColumns: [
        { name: 'Accepted', type: 'string', jsonPath: '.status.ancestors[0].conditions[?(@.type=="Accepted")].reason' },
        { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ],
    },
  ],
});
