// Requests to the studio; what is refused comes back as an error that holds the reason.

export class Refusal extends Error {
  constructor(reason, status) {
    super(reason);
    this.status = status; // 0: the studio does not answer
  }
}

export async function request(method, path, { json, body } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: json === undefined ? body : JSON.stringify(json),
      headers: json === undefined ? {} : { "content-type": "application/json" },
    });
  } catch {
    throw new Refusal("The studio does not answer. It is tried again; nothing is lost.", 0);
  }
  if (!answer.ok) {
    const reason = (await answer.text()).slice(0, 500) || `the studio failed (${answer.status})`;
    throw new Refusal(reason[0].toUpperCase() + reason.slice(1) + (/[.!?]$/.test(reason) ? "" : "."), answer.status);
  }
  return answer;
}

export const getJson = async (path) => (await request("GET", path)).json();
export const sendJson = async (method, path, json) => {
  const answer = await request(method, path, { json });
  return answer.status === 204 ? null : answer.json();
};

// Listens to the studio's events, connects again when it is cut off, and says so.
export function listen({ on, cutOff }) {
  let source;
  let last = Date.now();
  const connect = () => {
    source = new EventSource("/api/events");
    for (const kind of ["standing", "piece", "draft", "removed"]) {
      source.addEventListener(kind, (event) => {
        last = Date.now();
        on(kind, JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      cutOff();
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
    };
  };
  connect();
  return { age: () => Date.now() - last };
}
