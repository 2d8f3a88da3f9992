/** @module The file of a case among the recordings. */
export const slug = (name: string): string => name.replaceAll(/[^a-z0-9]+/g, "-");
