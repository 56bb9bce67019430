import { useEffect, useState } from "react";

import { addOne, getCount } from "./api";

export function App() {
  const [count, setCount] = useState<number | null>(null);
  const [problem, setProblem] = useState("");

  async function show(asked: Promise<number>) {
    try {
      setCount(await asked);
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  useEffect(() => {
    void show(getCount());
  }, []);

  return (
    <main>
      <h1>Counter</h1>
      <p>
        Counted: <output>{count ?? "…"}</output>
      </p>
      <button type="button" onClick={() => void show(addOne())}>
        Count
      </button>
      {problem !== "" && <p role="alert">{problem}</p>}
    </main>
  );
}
