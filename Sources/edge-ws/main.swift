// Filled by its first module.
print("edge-ws")
