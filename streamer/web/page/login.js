// Sends the credentials once. After that the session is a cookie, which no script can read.
const form = document.getElementById("login");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const user = form.querySelector("#user").value, password = form.querySelector("#password").value;
  const answer = await fetch("api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(user ? { user, password } : { token: password }),
  });
  if (answer.ok) location.href = "./";
  else form.querySelector(".error").textContent = (await answer.json()).error;
});
