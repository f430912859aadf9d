import type { LegacyAIMModel } from '../../../kinds/aim/legacy/aimmodel.ts';
import type { LegacyAIMServiceTemplate } from '../../../kinds/aim/legacy/aimservicetemplate.ts';
import type { Kind } from '../../../kinds/kind.ts';
import type { ServingRuntime } from '../../../kinds/kserve/servingruntime.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { nameLabel } from '../labels.ts';
import type { LegacyFacts } from './legacyprofile.ts';

/** The KServe runtime that services of aim.silogen.ai name: the model's image as a server of the format `aim` (aim.md 11.7). */
export function legacyServingRuntime(
  kind: Kind<ServingRuntime>,
  template: LegacyAIMServiceTemplate,
  parts: { readonly image: string; readonly facts: LegacyFacts; readonly model: LegacyAIMModel['spec'] },
): Child {
  const { metadata, spec } = template;
  const count = parts.facts.profile.metadata?.gpu_count ?? spec?.gpuSelector?.count ?? 0;
  const gpus = { [spec?.gpuSelector?.resourceName ?? 'amd.com/gpu']: String(count) };
  const imagePullSecrets = spec?.imagePullSecrets ?? parts.model?.imagePullSecrets;
  return child(
    kind,
    {
      metadata: {
        name: metadata.name,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        labels: { 'aim.silogen.ai/template': nameLabel(metadata.name) },
      },
      spec: {
        supportedModelFormats: [{ name: 'aim', version: '1' }],
        storageHelper: { disabled: true },
        ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
        containers: [
          {
            name: 'kserve-container',
            image: parts.image,
            env: [{ name: 'VLLM_ENABLE_METRICS', value: 'true' }],
            ports: [{ name: 'http', containerPort: 8000, protocol: 'TCP' }],
            ...(count > 0 ? { resources: { requests: gpus, limits: gpus } } : {}),
            volumeMounts: [{ name: 'dshm', mountPath: '/dev/shm' }],
          },
        ],
        volumes: [{ name: 'dshm', emptyDir: { medium: 'Memory', sizeLimit: '8Gi' } }],
      },
    },
    { owned: true },
  );
}
