import { describe, expect, it } from 'vitest';
import { invalidImage, parseImageReference } from '../../../../src/controllers/aim/registry/imagereference.ts';

describe('image references', () => {
  it.each([
    ['ghcr.io/silogen/aim-dummy:0.1.10', 'ghcr.io', 'silogen/aim-dummy', 'aim-dummy', '0.1.10'],
    [
      'amdenterpriseai/aim-qwen-qwen3-32b:0.8.5',
      'docker.io',
      'amdenterpriseai/aim-qwen-qwen3-32b',
      'aim-qwen-qwen3-32b',
      '0.8.5',
    ],
    ['nginx', 'docker.io', 'library/nginx', 'nginx', 'latest'],
    ['docker.io/amd/mistral', 'docker.io', 'amd/mistral', 'mistral', 'latest'],
    ['localhost:5000/my-image:dev', 'localhost:5000', 'my-image', 'my-image', 'dev'],
    ['localhost/my-image', 'localhost', 'my-image', 'my-image', 'latest'],
    ['[::1]:5000/a/b:c', '[::1]:5000', 'a/b', 'b', 'c'],
    ['ghcr.io/org/img@sha256:abcdef0123456789', 'ghcr.io', 'org/img', 'img', 'abcdef'],
    ['ghcr.io/org/img:1@sha256:abcdef0123456789', 'ghcr.io', 'org/img', 'img', 'abcdef'],
    ['docker.io/org/Model_Name-v2:tag', 'docker.io', 'org/Model_Name-v2', 'Model_Name-v2', 'tag'],
  ])('%s', (text, registry, repository, basename, tag) => {
    expect(parseImageReference(text)).toMatchObject({ text, registry, repository, basename, tag });
  });

  it.each([
    ['a/b:1@sha256:abcdef0123456789', 'sha256:abcdef0123456789'],
    ['a/b:1', '1'],
    ['a/b', 'latest'],
  ])('asks for the digest, the tag or latest: %s', (image, version) => {
    expect(parseImageReference(image)?.version).toBe(version);
  });

  it.each([
    ':::invalid',
    'repo/img:',
    '',
    'repo//img',
    'a b',
    'img:ta/g!',
    'img@sha256',
    'img@:',
    '-x.y/img',
    'h.y:z/img',
  ])('refuses "%s" and says so', (image) => {
    expect(parseImageReference(image)).toBeUndefined();
    expect(invalidImage(image)).toContain(`image "${image}" is not a valid reference`);
  });
});
