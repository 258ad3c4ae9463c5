// SPDX-License-Identifier: Apache-2.0
package dev.fairway.operators;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.testing.WithApiServer;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

@WithApiServer
class OperatorTest {
  private static final String DEFINITION =
      """
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: greetings.example.test}
      spec:
        group: example.test
        scope: Namespaced
        names: {kind: Greeting, plural: greetings, singular: greeting}
        versions:
        - name: v1
          served: true
          storage: true
          schema:
            openAPIV3Schema:
              type: object
              properties:
                spec:
                  type: object
                  properties: {whom: {type: string}}
      """;

  @Group("example.test")
  @Version("v1")
  public static class Greeting extends CustomResource<GreetingSpec, Void> implements Namespaced {}

  public static class GreetingSpec {
    public String whom = "";
  }

  @ControllerConfiguration
  static class Greeter implements Reconciler<Greeting> {
    @Override
    public UpdateControl<Greeting> reconcile(Greeting greeting, Context<Greeting> context) {
      ConfigMap said =
          new ConfigMapBuilder()
              .withNewMetadata()
              .withName(greeting.getMetadata().getName())
              .withNamespace(greeting.getMetadata().getNamespace())
              .endMetadata()
              .addToData("said", "hello, " + greeting.getSpec().whom)
              .build();
      context.getClient().resource(said).serverSideApply();
      return UpdateControl.noUpdate();
    }
  }

  @Test
  void theOperatorGreets(KubernetesClient client) {
    client.resource(DEFINITION).create();
    Operator operator = new Operator(settings -> settings.withKubernetesClient(client));
    operator.register(new Greeter());
    operator.start();
    try {
      Greeting greeting = new Greeting();
      greeting.getMetadata().setName("first");
      greeting.getMetadata().setNamespace("default");
      greeting.setSpec(new GreetingSpec());
      greeting.getSpec().whom = "world";
      client.resource(greeting).create();

      ConfigMap said =
          client
              .configMaps()
              .inNamespace("default")
              .withName("first")
              .waitUntilCondition(found -> found != null, 30, TimeUnit.SECONDS);
      assertThat(said.getData()).containsEntry("said", "hello, world");
    } finally {
      operator.stop();
    }
  }
}
