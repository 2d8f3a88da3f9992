/**
 * The part of WebAssembly that the CPU backend uses. TypeScript declares it only in its library for browsers, which
 * would also declare `window` and other names that Node lacks.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }
  class Memory {
    readonly buffer: SharedArrayBuffer;
    constructor(descriptor: MemoryDescriptor);
  }
  class Module {
    static exports(module: Module): readonly { readonly name: string; readonly kind: string }[];
    static imports(module: Module): readonly {
      readonly module: string;
      readonly name: string;
      readonly kind: string;
    }[];
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
