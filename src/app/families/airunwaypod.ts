import { Deployment } from '../../kinds/apps/deployment.ts';
import { Namespace } from '../../kinds/core/namespace.ts';
import { apiVersionOf } from '../../kinds/kind.ts';
import { inProcessImages } from '../../local/inprocess.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ensureObject } from '../ensureobject.ts';

/** Image of the container that stands for the controllers of KubeAIRunway in this process. */
export const airunwayImage = `${inProcessImages}kubeairunway-controller`;

const name = 'kubeairunway-controller';
const namespace = 'kubeairunway-system';
const labels = { 'control-plane': 'controller-manager', 'app.kubernetes.io/name': 'kubeairunway' };

/** The Deployment by whose name users look for the log of the controllers; they run in this process, whatever becomes of it. */
export async function ensureAirunwayPod(client: KubeClient): Promise<void> {
  await ensureObject(client, Namespace, {
    apiVersion: apiVersionOf(Namespace),
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  const description = 'Runs in the process of headgate up; this Deployment is there for its log.';
  await ensureObject(client, Deployment, {
    apiVersion: apiVersionOf(Deployment),
    kind: 'Deployment',
    metadata: { name, namespace, labels, annotations: { 'kubernetes.io/description': description } },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'manager', image: airunwayImage }] } },
    },
  });
}
