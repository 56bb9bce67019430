// The calls of the API, and the types of its answers.

interface Count {
  count: number;
}

export async function getCount(): Promise<number> {
  return (await ask<Count>("GET")).count;
}

export async function addOne(): Promise<number> {
  return (await ask<Count>("POST")).count;
}

async function ask<Answer>(method: string): Promise<Answer> {
  const answer = await fetch("/api/count", { method });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}. Try again.`);
  return (await answer.json()) as Answer;
}
