import { applyPatch, type Operation } from 'rfc6902';
import { isObject } from '../json.ts';
import type { Served } from '../resources.ts';
import { ApiError, badRequest, unsupportedMediaType } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import { mergePatch } from './merge.ts';
import { strategicMergePatch } from './strategic.ts';

const maxOperations = 10_000;

/** The function that applies a patch body of a content type to an object at the request's version. */
export function patchOf(served: Served, contentType: string, body: unknown): (current: StoredObject) => unknown {
  switch (contentType) {
    case 'application/json-patch+json':
      return (current) => jsonPatch(current, body);
    case 'application/merge-patch+json':
      checkObject(body);
      return (current) => mergePatch(current, body);
    case 'application/strategic-merge-patch+json':
      if (!served.kind.builtin) {
        throw unsupported('application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml');
      }
      checkObject(body);
      return (current) => strategicMergePatch(served.schema().structural, current, body);
    default:
      throw unsupported(
        'application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
      );
  }
}

function unsupported(accepted: string): ApiError {
  return unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}

function checkObject(body: unknown): void {
  if (!isObject(body)) throw badRequest('the patch must be a JSON object');
}

function jsonPatch(current: StoredObject, body: unknown): unknown {
  if (!Array.isArray(body) || !body.every(isOperation)) {
    throw badRequest('a JSON patch is a list of operations {"op", "path", ...} (RFC 6902)');
  }
  if (body.length > maxOperations) {
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${body.length}`,
    );
  }
  const copy: unknown = structuredClone(current);
  const failed = applyPatch(copy, body).find((error) => error !== null);
  if (failed === undefined) return copy;
  // With details, kubectl shows only the name of the object.
  throw new ApiError(
    422,
    'Invalid',
    `the server rejected our request due to an error in our request: ${failed.message}`,
  );
}

const operations = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

function isOperation(value: unknown): value is Operation {
  if (!isObject(value) || typeof value['path'] !== 'string' || !operations.has(String(value['op']))) return false;
  return !value['path'].split('/').includes('__proto__');
}
