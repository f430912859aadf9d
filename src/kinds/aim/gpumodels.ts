/** A model of AMD GPU: the PCI device ids under which nodes list it, and its memory (aim.md 7.6). */
export interface GpuModel {
  readonly model: string;
  readonly deviceIds: readonly [string, ...string[]];
  readonly vramGi: number;
}

export const gpuModels: readonly GpuModel[] = [
  { model: 'MI100', deviceIds: ['738c', '738e'], vramGi: 32 },
  { model: 'MI210', deviceIds: ['740f', '7410'], vramGi: 64 },
  { model: 'MI250X', deviceIds: ['7408', '740c'], vramGi: 128 },
  { model: 'MI300A', deviceIds: ['74a0'], vramGi: 128 },
  { model: 'MI300X', deviceIds: ['74a1', '74a9', '74b5', '74bd'], vramGi: 192 },
  { model: 'MI308X', deviceIds: ['74a2', '74a8', '74b6'], vramGi: 128 },
  { model: 'MI325X', deviceIds: ['74a5', '74b9'], vramGi: 256 },
  { model: 'MI350X', deviceIds: ['75a0', '75b0'], vramGi: 288 },
  { model: 'MI355X', deviceIds: ['75a3', '75b3'], vramGi: 288 },
  { model: 'V710', deviceIds: ['7460', '7461'], vramGi: 32 },
  { model: 'V620', deviceIds: ['73a1', '73ae'], vramGi: 32 },
  { model: 'W7900', deviceIds: ['7448', '744a'], vramGi: 48 },
  { model: 'W7800', deviceIds: ['7449', '745e'], vramGi: 32 },
  { model: 'W6900X', deviceIds: ['73a2'], vramGi: 32 },
  { model: 'W6800', deviceIds: ['73a3'], vramGi: 32 },
  { model: 'W6800X', deviceIds: ['73ab'], vramGi: 32 },
  { model: 'RX9070', deviceIds: ['7550'], vramGi: 16 },
  { model: 'RX7900', deviceIds: ['744c'], vramGi: 24 },
  { model: 'RX6900', deviceIds: ['73af'], vramGi: 16 },
  { model: 'RX6800', deviceIds: ['73bf'], vramGi: 16 },
];
