import { SubjectAccessReview } from '../kinds/authorization/subjectaccessreview.ts';
import { TokenReview } from '../kinds/authentication/tokenreview.ts';
import { apiVersionOf } from '../kinds/kind.ts';
import type { KubeClient } from '../kube/client.ts';

/** Whether the bearer of a token may: 401 says that nobody knows the token, 403 that its owner may not. */
export type Access = 200 | 401 | 403;

/** Asks a Kubernetes API whose token it is (TokenReview), and whether that user may (SubjectAccessReview of the path; epp.md 4.5). */
export async function reviewAccess(client: KubeClient, token: string, verb: string, path: string): Promise<Access> {
  const { status: identity } = await client.create(TokenReview, {
    apiVersion: apiVersionOf(TokenReview),
    kind: TokenReview.kind,
    metadata: { name: '' },
    spec: { token },
  });
  const user = identity?.user;
  if (identity?.authenticated !== true || user?.username === undefined) return 401;
  const { status: access } = await client.create(SubjectAccessReview, {
    apiVersion: apiVersionOf(SubjectAccessReview),
    kind: SubjectAccessReview.kind,
    metadata: { name: '' },
    spec: {
      user: user.username,
      ...(user.groups === undefined ? {} : { groups: user.groups }),
      nonResourceAttributes: { path, verb },
    },
  });
  return access?.allowed === true ? 200 : 403;
}
