const count = document.querySelector("#count");

document.querySelector("#more").addEventListener("click", () => {
  count.value = Number(count.value) + 1;
});
