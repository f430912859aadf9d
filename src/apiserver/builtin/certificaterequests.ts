import { equalJson, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { invalidValue, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { withDefaults, type Strategy } from './strategy.ts';

/** CertificateSigningRequests (pkg/apis/certificates/validation). Who asks is filled in at admission. */
export const certificateRequests: Strategy = {
  prepare: (object) => {
    const spec = withDefaults(objectAt(object, 'spec') ?? {}, { usages: ['digital signature', 'key encipherment'] });
    return { ...object, spec };
  },
  validate(object, previous) {
    const spec = objectAt(object, 'spec') ?? {};
    if (previous === undefined) return [...checkRequest(spec), ...checkSigner(spec)];
    return [
      ...(equalJson(spec, objectAt(previous, 'spec'))
        ? []
        : [invalidValue('spec', 'the request', 'field is immutable')]),
      ...checkVerdict(object, previous),
    ];
  },
};

function checkRequest(spec: JsonObject): FieldError[] {
  const request = Buffer.from(stringAt(spec, 'request') ?? '', 'base64').toString('latin1');
  const isRequest =
    /^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\r?\n[\s\S]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;
  return isRequest.test(request)
    ? []
    : [invalidValue('spec.request', 'the value', 'PEM block type must be CERTIFICATE REQUEST')];
}

function checkSigner(spec: JsonObject): FieldError[] {
  const signer = stringAt(spec, 'signerName') ?? '';
  if (signer === '') return [required('spec.signerName')];
  return /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[a-z0-9-]+\/[^/]+(\/[^/]+)*$/.test(signer)
    ? []
    : [
        invalidValue(
          'spec.signerName',
          signer,
          'must be a fully qualified domain and path of the form "example.com/signer-name"',
        ),
      ];
}

/** A verdict stays, and there is one of them. */
function checkVerdict(object: StoredObject, previous: StoredObject): FieldError[] {
  const verdicts = verdictsOf(object);
  const gone = verdictsOf(previous).filter((verdict) => !verdicts.includes(verdict));
  if (gone.length > 0) {
    return [
      invalidValue('status.conditions', verdicts, `updates may not remove a condition of type "${gone[0] ?? ''}"`),
    ];
  }
  if (new Set(verdicts).size < 2) return [];
  return [invalidValue('status.conditions', verdicts, 'Approved and Denied conditions are mutually exclusive')];
}

function verdictsOf(object: StoredObject): string[] {
  return listAt(object, 'status', 'conditions')
    .map((condition) => stringAt(condition, 'type') ?? '')
    .filter((type) => type === 'Approved' || type === 'Denied');
}
