// SPDX-License-Identifier: Apache-2.0
package dev.fairway.schemas;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SchemasTest {
  private final Schemas schemas = Schemas.builtin();

  @Test
  void everyDefinitionParsesAndEveryReferenceLeadsSomewhere() {
    for (String name : schemas.names()) {
      Schema.Struct struct = requireNonNull(schemas.definition(name), name);
      for (Schema.Field field : struct.fields().values()) {
        follow(field.schema());
      }
    }
    assertThat(schemas.names()).hasSizeGreaterThan(450);
  }

  private void follow(Schema schema) {
    switch (schema) {
      case Schema.ListOf(Schema items) -> follow(items);
      case Schema.MapOf(Schema values) -> follow(values);
      case Schema.Reference reference -> assertThat(schemas.resolve(reference)).isNotNull();
      case Schema.Scalar scalar -> assertThat(scalar.type()).isNotNull();
      case Schema.Any any -> assertThat(any).isNotNull();
      case Schema.Struct struct -> assertThat(struct.fields()).isNotNull();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "io.k8s.api.core.v1.Container,name,STRING,'',true",
    "io.k8s.api.core.v1.ContainerPort,containerPort,INTEGER,int32,true",
    "io.k8s.api.core.v1.PodSpec,terminationGracePeriodSeconds,INTEGER,int64,false",
    "io.k8s.api.core.v1.ServicePort,targetPort,INT_OR_STRING,'',false",
    "io.k8s.api.core.v1.EmptyDirVolumeSource,sizeLimit,QUANTITY,'',false",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta,creationTimestamp,STRING,date-time,false",
    "io.k8s.api.coordination.v1.LeaseSpec,renewTime,STRING,micro-time,false",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps,$ref,STRING,'',false",
  })
  void knowsTypes(
      String definition, String field, Schema.Type type, String format, boolean required) {
    Schema.Field found =
        requireNonNull(requireNonNull(schemas.definition(definition)).field(field));
    Schema.Scalar scalar = (Schema.Scalar) found.schema();
    assertThat(scalar.type()).isEqualTo(type);
    assertThat(scalar.format()).isEqualTo(format);
    assertThat(found.required()).isEqualTo(required);
  }

  @Test
  void knowsWhatTheClassesDoNotSay() {
    Schema.Struct pod = requireNonNull(schemas.definition("io.k8s.api.core.v1.PodSpec"));
    assertThat(requireNonNull(pod.field("containers")).merge())
        .isEqualTo(new Schema.Merge(true, false, "name", "map", List.of("name"), false));
    assertThat(requireNonNull(pod.field("tolerations")).merge())
        .isEqualTo(new Schema.Merge(false, false, "", "atomic", List.of(), false));
    assertThat(requireNonNull(pod.field("restartPolicy")).schema())
        .isEqualTo(
            new Schema.Scalar(Schema.Type.STRING, "", List.of("Always", "Never", "OnFailure")));
  }

  @Test
  void hasDescriptions() {
    assertThat(schemas.description("io.k8s.api.core.v1.Pod", "")).startsWith("Pod is a collection");
    assertThat(schemas.description("io.k8s.api.core.v1.Container", "image"))
        .startsWith("Container image name");
    assertThat(schemas.definition("io.k8s.api.core.v1.Nothing")).isNull();
  }
}
