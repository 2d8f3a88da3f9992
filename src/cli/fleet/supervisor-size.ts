/** @module What a supervisor may hold itself. It is read before the rest of it is loaded. */
import { mib } from "../../core/byte-size.ts";

/** Node, the routes, and requests on their way. */
export const supervisorBytes = 192 * mib;
/** MiB of its JavaScript heap. */
export const supervisorHeapMib = 128;
/** The cap of which that is a fifth: how the heap's ceiling is stated. */
export const supervisorCap = `${5 * supervisorHeapMib}MiB`;
