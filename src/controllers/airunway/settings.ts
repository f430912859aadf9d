import type { AirunwayDialect } from '../../kinds/airunway/dialect.ts';

/** What the flags of the controller say (airunway.md 3.1). */
export interface AirunwaySettings {
  /** Choose engines and providers for deployments that name none. */
  readonly providerSelector: boolean;
  /** The Gateway of all deployments; found by itself when absent. */
  readonly gateway: { readonly name: string; readonly namespace: string } | undefined;
  readonly picker: {
    /** Service of the endpoint picker that all pools name. */
    readonly serviceName: string;
    readonly servicePort: number;
    /** Make a picker for each deployment instead, of this image. */
    readonly perDeployment: { readonly image: string } | undefined;
  };
  /** Routes match the model's name; otherwise each route takes everything (airunway.md 4.1.5). */
  readonly matchModel: boolean;
  /** Let Gateways of other namespaces take the routes, by their listeners' allowedRoutes. */
  readonly patchAllowedRoutes: boolean;
}

/** What the plans of one group go by. */
export interface PlanContext {
  readonly dialect: AirunwayDialect;
  readonly settings: AirunwaySettings;
}

export const defaultSettings: AirunwaySettings = {
  providerSelector: true,
  gateway: undefined,
  picker: { serviceName: 'kubeairunway-epp', servicePort: 9002, perDeployment: undefined },
  matchModel: true,
  patchAllowedRoutes: true,
};
