/** A cable between a browser and the server that a test can pull out: connections that stand end, new ones are refused. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface Relay {
  /** The address of the server, or of a link to it, as seen from this end of the cable. */
  through(address: string): string;
  pull(): void;
  plug(): void;
  close(): void;
}

export async function startRelay(server: string): Promise<Relay> {
  const to = Number(new URL(server).port);
  const open = new Set<Socket>();
  let isPulled = false;
  const listening = createServer((here) => {
    if (isPulled) {
      here.destroy();
      return;
    }
    const there = connect(to, "127.0.0.1");
    for (const [one, other] of [
      [here, there],
      [there, here],
    ] as const) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const end = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    through(address) {
      const seen = new URL(address);
      seen.port = String(port);
      return seen.href;
    },
    pull() {
      isPulled = true;
      end();
    },
    plug() {
      isPulled = false;
    },
    close() {
      listening.close();
      end();
    },
  };
}
