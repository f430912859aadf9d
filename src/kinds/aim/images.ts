/** AMD Inference Microservice images, in any registry: the last part of the repository begins with `aim-` (aim.md 16.1). */
export function isAimImage(image: string): boolean {
  return /^aim-./.test(imageBasename(image));
}

/** The last part of an image's repository: `aim-qwen-qwen3-32b` of `amdenterpriseai/aim-qwen-qwen3-32b:0.8.5`. */
export function imageBasename(image: string): string {
  const [reference = ''] = image.split('@');
  return reference.slice(reference.lastIndexOf('/') + 1).replace(/:.*$/, '');
}
