/** The result of a function of an object, made when it is first asked for. */
export function onceEach<K extends object, V>(make: (of: K) => V): (of: K) => V;
export function onceEach<K extends object, V>(make: (of: K | undefined) => V): (of: K | undefined) => V;
export function onceEach<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, { readonly value: V }>();
  return (of) => {
    if (of === undefined) return make(of);
    let found = made.get(of);
    if (found === undefined) made.set(of, (found = { value: make(of) }));
    return found.value;
  };
}
