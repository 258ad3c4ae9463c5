// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// How long a user waits: from `./fairway up` to the first answer of an application that was
/// deployed on the new cluster and is asked through a NodePort.
final class UpBench implements Bench.Benchmark {
  private static final String CLUSTER = "bench";
  private static final double LIMIT_SECONDS = 15;
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String DEPLOY =
      "FAIRWAY_CLUSTER="
          + CLUSTER
          + " ./fairway kubectl create deployment app --image=fairway.local/toolbox:1 --replicas=3"
          + " && FAIRWAY_CLUSTER="
          + CLUSTER
          + " ./fairway kubectl create service nodeport app --tcp=80:80 --node-port=30080";

  @Override
  public List<Row> run(boolean quick) throws Exception {
    Samples ready = new Samples();
    Samples served = new Samples();
    run("./fairway down --name " + CLUSTER);
    try {
      for (int round = 0; round < (quick ? 1 : 3); round++) {
        long from = System.nanoTime();
        run("./fairway up --name " + CLUSTER);
        ready.add(seconds(from));
        run(DEPLOY);
        awaitAnswer();
        served.add(seconds(from));
        run("./fairway down --name " + CLUSTER);
      }
    } finally {
      run("./fairway down --name " + CLUSTER);
    }
    return List.of(
        Row.within("up: nodes Ready and DNS answers", ready.median(), "s", LIMIT_SECONDS),
        Row.within("up: an application answers", served.median(), "s", LIMIT_SECONDS));
  }

  private static double seconds(long from) {
    return (System.nanoTime() - from) / 1e9;
  }

  private static void awaitAnswer() throws IOException, InterruptedException {
    String api =
        run(
            "FAIRWAY_CLUSTER="
                + CLUSTER
                + " ./fairway kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'");
    String prefix = api.substring(api.indexOf("//") + 2, api.lastIndexOf(".10:") + 1);
    HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofMillis(500)).build();
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + prefix + "20:30080/"))
            .timeout(Duration.ofSeconds(1))
            .build();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      try {
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        if (answer.statusCode() == 200 && answer.body().startsWith("app-")) {
          return;
        }
      } catch (IOException notYet) {
        Thread.sleep(20);
      }
    }
    throw new IOException("the application did not answer within " + PATIENCE);
  }

  private static String run(String command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder("bash", "-c", command)
            .directory(Path.of("").toAbsolutePath().toFile())
            .redirectErrorStream(true)
            .start();
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(command + " failed:\n" + output);
    }
    return output;
  }
}
