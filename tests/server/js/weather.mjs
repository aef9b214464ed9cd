// A program written for the hosted service with the official JavaScript SDK: an assistant with a
// function, a streamed run, its call answered, and once more by polling. BASE_URL and API_KEY come
// from the environment, as OPENAI_BASE_URL and OPENAI_API_KEY would.

import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY });
const { threads } = client.beta;

const assistant = await client.beta.assistants.create({
  model: (await client.models.list()).data[0].id,
  temperature: 0,
  tools: [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "The weather in a city.",
        parameters: {
          type: "object",
          properties: { city: { type: "string" } },
          required: ["city"],
          additionalProperties: false,
        },
      },
    },
  ],
});

function outputsFor(run) {
  return run.required_action.submit_tool_outputs.tool_calls.map((call) => {
    const { city } = JSON.parse(call.function.arguments);
    return { tool_call_id: call.id, output: `It is sunny in ${city}, 21 degrees.` };
  });
}

async function ask() {
  const thread = await threads.create();
  const content = "What is the weather in Oslo?";
  await threads.messages.create(thread.id, { role: "user", content });
  return thread.id;
}

async function streamed() {
  const thread = await ask();
  let fragments = 0;
  const first = threads.runs
    .stream(thread, { assistant_id: assistant.id })
    .on("toolCallDelta", (delta) => (fragments += delta.function?.arguments ? 1 : 0));
  const run = await first.finalRun();
  assert.equal(run.status, "requires_action");
  assert.ok(fragments > 3);
  let words = 0;
  let text = "";
  const body = { thread_id: thread, tool_outputs: outputsFor(run) };
  const second = threads.runs.submitToolOutputsStream(run.id, body).on("textDelta", (delta) => {
    words += 1;
    text += delta.value;
  });
  assert.equal((await second.finalRun()).status, "completed");
  assert.ok(words > 3);
  assert.match(text, /sunny/);
}

async function polled() {
  const thread = await ask();
  const pace = { pollIntervalMs: 20 };
  let run = await threads.runs.createAndPoll(thread, { assistant_id: assistant.id }, pace);
  while (run.status === "requires_action") {
    const body = { thread_id: thread, tool_outputs: outputsFor(run) };
    run = await threads.runs.submitToolOutputsAndPoll(run.id, body, pace);
  }
  assert.equal(run.status, "completed");
  assert.match((await threads.messages.list(thread)).data[0].content[0].text.value, /sunny/);
}

await streamed();
console.log("streamed");
await polled();
console.log("polled");
