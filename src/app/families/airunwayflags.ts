import { Option, type Command } from 'commander';
import { defaultSettings, type AirunwaySettings } from '../../controllers/airunway/settings.ts';

/** The flags of KubeAIRunway's controller (airunway.md 3.1), which `headgate up` takes too. */
export interface AirunwayFlags {
  enableProviderSelector: boolean;
  gatewayName?: string;
  gatewayNamespace?: string;
  eppServiceName: string;
  eppServicePort: number;
  eppPerDeployment: boolean;
  eppImage: string;
  patchGatewayAllowedRoutes: boolean;
  matchModelName: boolean;
}

const pickerImage = 'registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0';

export function addAirunwayFlags(command: Command, port: (text: string) => number): Command {
  const { picker } = defaultSettings;
  const onOff = (flag: string, text: string) =>
    new Option(`${flag} [true|false]`, text).argParser(bool).preset('true').default(true, 'true');
  return command
    .optionsGroup('KubeAIRunway:')
    .addOption(onOff('--enable-provider-selector', 'choose engines and providers for ModelDeployments that name none'))
    .option('--gateway-name <name>', 'Gateway of all ModelDeployments; goes with --gateway-namespace')
    .option('--gateway-namespace <namespace>', 'its namespace')
    .option(
      '--epp-service-name <name>',
      'Service of the endpoint picker that their InferencePools name',
      picker.serviceName,
    )
    .option('--epp-service-port <port>', 'its port', port, picker.servicePort)
    .option('--epp-per-deployment', 'make an endpoint picker for each ModelDeployment instead', false)
    .option('--epp-image <image>', 'image of these endpoint pickers', pickerImage)
    .addOption(
      onOff('--patch-gateway-allowed-routes', 'let Gateways of other namespaces take the routes of ModelDeployments'),
    )
    .addOption(
      onOff(
        '--match-model-name',
        'have each route match its model; false: each takes all requests, as routes once did',
      ),
    );
}

/** @throws Error for one of the two flags that go together. */
export function airunwaySettings(flags: AirunwayFlags): AirunwaySettings {
  const { gatewayName: name = '', gatewayNamespace: namespace = '' } = flags;
  if ((name === '') !== (namespace === '')) {
    throw new Error('--gateway-name and --gateway-namespace go together: give both, or neither to find the Gateway');
  }
  return {
    providerSelector: flags.enableProviderSelector,
    gateway: name === '' ? undefined : { name, namespace },
    picker: {
      serviceName: flags.eppServiceName,
      servicePort: flags.eppServicePort || defaultSettings.picker.servicePort,
      perDeployment: flags.eppPerDeployment ? { image: flags.eppImage } : undefined,
    },
    matchModel: flags.matchModelName,
    patchAllowedRoutes: flags.patchGatewayAllowedRoutes,
  };
}

function bool(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new Error('use true or false.');
}
