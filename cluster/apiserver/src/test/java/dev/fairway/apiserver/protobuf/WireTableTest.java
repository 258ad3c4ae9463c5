// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.protobuf;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import io.kubernetes.client.proto.IntStr;
import io.kubernetes.client.proto.Meta;
import io.kubernetes.client.proto.Resource;
import io.kubernetes.client.proto.Runtime;
import io.kubernetes.client.proto.V1;
import io.kubernetes.client.proto.V1Apps;
import io.kubernetes.client.proto.V1Authentication;
import io.kubernetes.client.proto.V1Authorization;
import io.kubernetes.client.proto.V1Autoscaling;
import io.kubernetes.client.proto.V1Batch;
import io.kubernetes.client.proto.V1Certificates;
import io.kubernetes.client.proto.V1Coordination;
import io.kubernetes.client.proto.V1Discovery;
import io.kubernetes.client.proto.V1Events;
import io.kubernetes.client.proto.V1Networking;
import io.kubernetes.client.proto.V1Node;
import io.kubernetes.client.proto.V1Policy;
import io.kubernetes.client.proto.V1Rbac;
import io.kubernetes.client.proto.V1Scheduling;
import io.kubernetes.client.proto.V1Storage;
import io.kubernetes.client.proto.V2Autoscaling;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// Keeps the table of protobuf fields equal to the official client's descriptors. Run with
/// `-Dgolden.update=true` to write it anew after a change of the client's version.
final class WireTableTest {
  private static final Path TABLE =
      Path.of("src/main/resources/dev/fairway/apiserver/protobuf/wire.txt");

  private static final List<FileDescriptor> FILES =
      List.of(
          IntStr.getDescriptor(),
          Meta.getDescriptor(),
          Resource.getDescriptor(),
          Runtime.getDescriptor(),
          V1.getDescriptor(),
          V1Apps.getDescriptor(),
          V1Authentication.getDescriptor(),
          V1Authorization.getDescriptor(),
          V1Autoscaling.getDescriptor(),
          V1Batch.getDescriptor(),
          V1Certificates.getDescriptor(),
          V1Coordination.getDescriptor(),
          V1Discovery.getDescriptor(),
          V1Events.getDescriptor(),
          V1Networking.getDescriptor(),
          V1Node.getDescriptor(),
          V1Policy.getDescriptor(),
          V1Rbac.getDescriptor(),
          V1Scheduling.getDescriptor(),
          V1Storage.getDescriptor(),
          V2Autoscaling.getDescriptor());

  @Test
  void tableIsTheClients() throws Exception {
    Map<String, String> messages = new TreeMap<>();
    for (FileDescriptor file : FILES) {
      for (Descriptor message : file.getMessageTypes()) {
        messages.put(definition(message), fields(message));
      }
    }
    StringBuilder table = new StringBuilder();
    messages.forEach((name, fields) -> table.append(name).append('\n').append(fields));
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(TABLE, table.toString());
    }
    assertThat(Files.readString(TABLE, StandardCharsets.UTF_8)).isEqualTo(table.toString());
  }

  private static String fields(Descriptor message) {
    StringBuilder lines = new StringBuilder();
    for (FieldDescriptor field : message.getFields()) {
      lines.append(' ').append(field.getNumber()).append(' ').append(field.getName()).append(' ');
      if (field.isMapField()) {
        FieldDescriptor value = field.getMessageType().findFieldByNumber(2);
        lines.append("map ").append(type(value));
      } else {
        lines.append(field.isRepeated() ? "list " : "one ").append(type(field));
      }
      lines.append('\n');
    }
    return lines.toString();
  }

  private static String type(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case STRING -> "string";
      case BYTE_STRING -> "bytes";
      case INT, LONG -> "int";
      case BOOLEAN -> "bool";
      case DOUBLE -> "double";
      case FLOAT -> "float";
      case MESSAGE -> definition(field.getMessageType());
      case ENUM -> throw new IllegalStateException("Kubernetes has no enums on the wire");
    };
  }

  private static String definition(Descriptor message) {
    String[] parts = message.getFullName().split("\\.", 3);
    return "io." + parts[0] + "." + parts[2];
  }
}
