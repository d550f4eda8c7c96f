"""Asks Ray's client server who it is, without and with a token; prints the code of each answer."""

import sys

import grpc

# ray.rpc.ClusterInfoRequest {type: PING}: src/ray/protobuf/ray_client.proto
PING = b"\x08\x06"
with grpc.insecure_channel("127.0.0.1:10001") as channel:
    ask = channel.unary_unary("/ray.rpc.RayletDriver/ClusterInfo")
    for token in (None, *sys.argv[1:]):
        metadata = [("authorization", f"Bearer {token}")] if token else []
        try:
            ask(PING, metadata=metadata, timeout=30)
        except grpc.RpcError as wrong:
            print(wrong.code().name)
        else:
            print("OK")
