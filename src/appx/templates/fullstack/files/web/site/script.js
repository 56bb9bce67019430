const list = document.querySelector("#tasks");
const problem = document.querySelector("#problem");

async function api(path, method = "GET", body) {
  const answer = await fetch(`api/tasks${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`It did not work (${answer.status}). Try again.`);
  return answer.status === 204 ? undefined : answer.json();
}

// What is shown is what the API has, also after an error.
async function act(doing) {
  problem.hidden = true;
  try {
    await doing?.();
    show(await api(""));
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function show(tasks) {
  list.replaceChildren(...tasks.map(item));
}

function item(task) {
  const made = document.querySelector("#task").content.cloneNode(true);
  const box = made.querySelector("input");
  made.querySelector("span").textContent = task.text;
  box.checked = task.done;
  box.addEventListener("change", () => act(() => api(`/${task.id}`, "PATCH", { done: box.checked })));
  made.querySelector("button").addEventListener("click", () => act(() => api(`/${task.id}`, "DELETE")));
  return made;
}

document.querySelector("#new").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  act(async () => {
    await api("", "POST", { text: form.text.value });
    form.reset();
  });
});

act();
