import type { Authorizer } from '../auth/rbac.ts';
import { userInfoOf, type User } from '../auth/user.ts';
import { equalJson, objectAt, stringAt, valueAt } from '../json.ts';
import { forbidden } from '../status.ts';
import type { Admission, AdmissionPlugin } from './plugin.ts';

const group = 'certificates.k8s.io';

/**
 * Writes into a CertificateSigningRequest who makes it, whatever the request says. Only who may `approve` or `sign` for the signer
 * (rules on `signers`) may give a verdict or a certificate (plugin/pkg/admission/certificates).
 */
export function certificateAdmission(authorizer: Authorizer): AdmissionPlugin {
  const may = (user: User, verb: string, signer: string): boolean => {
    const domain = signer.replace(/\/.*/, '');
    return [signer, `${domain}/*`].some((name) => {
      const attributes = { verb, group, resource: 'signers', subresource: undefined, namespace: undefined, name };
      return authorizer.authorize(user, attributes).allowed;
    });
  };
  return {
    handles: ({ operation, served }) =>
      operation !== 'DELETE' && served.id === 'certificates.k8s.io/certificatesigningrequests',
    mutate({ operation, user }, object) {
      if (operation !== 'CREATE') return Promise.resolve(object);
      const { username: _name, uid: _uid, groups: _groups, extra: _extra, ...asked } = objectAt(object, 'spec') ?? {};
      return Promise.resolve({ ...object, spec: { ...asked, ...userInfoOf(user) } });
    },
    validate(admission) {
      const { served, user, name, oldObject } = admission;
      const verb = verbOf(admission);
      const signer = stringAt(oldObject, 'spec', 'signerName') ?? '';
      if (verb === undefined || may(user, verb, signer)) return Promise.resolve();
      const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`;
      return Promise.reject(forbidden(served.kind, name, why));
    },
  };
}

function verbOf({ subresource, object, oldObject }: Admission): 'approve' | 'sign' | undefined {
  if (subresource === 'approval') return 'approve';
  const changed = !equalJson(valueAt(object, 'status'), valueAt(oldObject, 'status'));
  return subresource === 'status' && changed ? 'sign' : undefined;
}
