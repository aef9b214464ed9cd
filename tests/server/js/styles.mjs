// Programs written for the hosted service with the official JavaScript SDK, in its usual styles.
// BASE_URL, API_KEY, ADDING (an assistant with two rounds of parallel calls) and ENDLESS (one that
// never stops talking) come from the environment. Prints the names of the styles that passed.

import assert from "node:assert/strict";
import OpenAI from "openai";

const { BASE_URL, API_KEY, ADDING, ENDLESS } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, timeout: 20_000 });
const { threads } = client.beta;
const ANSWER = "3 + 7 is 10; then 10 + 10 is 20";

async function newThread() {
  const messages = [{ role: "user", content: "please add" }];
  return (await threads.create({ messages })).id;
}

function outputsFor(run) {
  return run.required_action.submit_tool_outputs.tool_calls.map((call) => {
    const { x, y } = JSON.parse(call.function.arguments);
    return { tool_call_id: call.id, output: String(x + y) };
  });
}

async function answerOf(thread) {
  const page = await threads.messages.list(thread);
  return page.data[0].content[0].text.value;
}

async function collected(stream) {
  const seen = { calls: [], arguments: "", text: "", done: [] };
  stream
    .on("toolCallCreated", (call) => seen.calls.push(call.id))
    .on("toolCallDelta", (delta) => (seen.arguments += delta.function?.arguments ?? ""))
    .on("textDelta", (delta) => (seen.text += delta.value ?? ""))
    .on("textDone", (text) => seen.done.push(text.value));
  seen.run = await stream.finalRun();
  return seen;
}

const styles = {
  async events() {
    const thread = await newThread();
    const rounds = [await collected(threads.runs.stream(thread, { assistant_id: ADDING }))];
    while (rounds.at(-1).run.status === "requires_action") {
      const { run } = rounds.at(-1);
      const body = { thread_id: thread, tool_outputs: outputsFor(run) };
      rounds.push(await collected(threads.runs.submitToolOutputsStream(run.id, body)));
    }
    assert.deepEqual(
      rounds.map((round) => round.calls),
      [["a1", "a2"], ["b1", "b2"], []],
    );
    assert.equal(rounds[2].run.status, "completed");
    assert.equal(rounds[2].run.usage.total_tokens, 120);
    assert.equal(rounds[2].text, ANSWER);
    assert.deepEqual(rounds[2].done, [ANSWER]);
    assert.equal(await answerOf(thread), ANSWER);
  },

  async iterator() {
    const thread = await newThread();
    let stream = await threads.runs.create(thread, { assistant_id: ADDING, stream: true });
    const names = [];
    let text = "";
    for (let waiting = true; waiting; ) {
      waiting = null;
      for await (const event of stream) {
        names.push(event.event);
        if (event.event === "thread.run.requires_action") waiting = event.data;
        if (event.event === "thread.message.delta") text += event.data.delta.content[0].text.value;
      }
      if (!waiting) break;
      const body = { thread_id: thread, tool_outputs: outputsFor(waiting), stream: true };
      stream = await threads.runs.submitToolOutputs(waiting.id, body);
    }
    assert.equal(text, ANSWER);
    assert.equal(names[0], "thread.run.created");
    assert.equal(names.at(-1), "thread.run.completed");
    assert.equal(names.filter((name) => name === "thread.run.requires_action").length, 2);
  },

  async breakingOff() {
    const thread = await newThread();
    let stream = await threads.runs.create(thread, { assistant_id: ADDING, stream: true });
    for (let round = 0; round < 2; round += 1) {
      let waiting;
      for await (const event of stream) {
        if (event.event === "thread.run.requires_action") {
          waiting = event.data;
          break; // aborts the connection; the run must not mind
        }
      }
      const body = { thread_id: thread, tool_outputs: outputsFor(waiting), stream: true };
      stream = await threads.runs.submitToolOutputs(waiting.id, body);
    }
    for await (const event of stream) assert.notEqual(event.event, "thread.run.failed");
    assert.equal(await answerOf(thread), ANSWER);
  },

  async polling() {
    const thread = await newThread();
    const options = { pollIntervalMs: 5 };
    let run = await threads.runs.createAndPoll(thread, { assistant_id: ADDING }, options);
    while (run.status === "requires_action") {
      const body = { thread_id: thread, tool_outputs: outputsFor(run) };
      run = await threads.runs.submitToolOutputsAndPoll(run.id, body, options);
    }
    assert.equal(run.status, "completed");
    assert.equal(await answerOf(thread), ANSWER);
    const steps = await threads.runs.steps.list(run.id, { thread_id: thread, order: "asc" });
    assert.deepEqual(
      steps.data.map((step) => [step.type, step.status]),
      [
        ["tool_calls", "completed"],
        ["tool_calls", "completed"],
        ["message_creation", "completed"],
      ],
    );
    assert.equal(steps.data[0].step_details.tool_calls[1].function.output, "7");
  },

  async createAndRun() {
    const thread = { messages: [{ role: "user", content: "please add" }] };
    const stream = threads.createAndRunStream({ assistant_id: ADDING, thread });
    const names = [];
    stream.on("event", (event) => names.push(event.event));
    assert.equal((await stream.finalRun()).status, "requires_action");
    assert.equal(names[0], "thread.created");
    const body = { assistant_id: ADDING, thread };
    const polled = await threads.createAndRunPoll(body, { pollIntervalMs: 5 });
    assert.equal(polled.status, "requires_action");
  },

  async cancel() {
    const thread = await newThread();
    const stream = await threads.runs.create(thread, { assistant_id: ENDLESS, stream: true });
    const names = [];
    for await (const event of stream) {
      names.push(event.event);
      if (event.event === "thread.message.delta" && !names.includes("thread.run.cancelling")) {
        const [run] = (await threads.runs.list(thread)).data;
        if (run.status === "in_progress") {
          await threads.runs.cancel(run.id, { thread_id: thread });
        }
      }
    }
    assert.deepEqual(names.slice(-4), [
      "thread.run.cancelling",
      "thread.message.incomplete",
      "thread.run.step.cancelled",
      "thread.run.cancelled",
    ]);
    await threads.messages.create(thread, { role: "user", content: "still here" });
  },

  async paging() {
    const messages = Array.from("abcdefg", (content) => ({ role: "user", content }));
    const thread = (await threads.create({ messages })).id;
    let text = "";
    for await (const message of threads.messages.list(thread, { limit: 2, order: "asc" })) {
      text += message.content[0].text.value;
    }
    assert.equal(text, "abcdefg");
  },

  async errors() {
    await assert.rejects(threads.retrieve("thread_x"), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.match(error.message, /No thread found with id 'thread_x'/);
      return true;
    });
    const stranger = new OpenAI({ baseURL: BASE_URL, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
    const thread = await newThread();
    const stream = await threads.runs.create(thread, { assistant_id: ADDING, stream: true });
    for await (const _ of stream);
    const message = { role: "user", content: "too early" };
    await assert.rejects(threads.messages.create(thread, message), OpenAI.BadRequestError);
  },
};

for (const [name, style] of Object.entries(styles)) {
  await style();
  console.log(name);
}
